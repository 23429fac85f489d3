/** Returns the id of an element. The property `id` of a form is its field of that name, if it has one. */
export function idOf(element: Element): string {
  return element.getAttribute("id") ?? "";
}

/** Returns the element with the same id in another rendering, or null without an id. */
export function sameIdIn(root: ParentNode, element: Element): Element | null {
  const id = idOf(element);
  return id === "" ? null : root.querySelector(`#${CSS.escape(id)}`);
}
