/** Returns the element that a swap of the style adds children to, or null for a style that replaces content. */
export function listOf(target: Element, style: string): Element | null {
  if (/^(beforeend|afterbegin)$/.test(style)) return target;
  return /^(beforebegin|afterend)$/.test(style) ? target.parentElement : null;
}
