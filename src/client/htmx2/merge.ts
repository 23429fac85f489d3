import type { HtmxInternalApi, SwapSpecification } from "./htmx.js";

const outOfBand = "[hx-swap-oob], [data-hx-swap-oob]";
/** Marks an element that is about to be replaced, for the moment in which htmx looks for it. */
const replacedMark = "data-mercure-replaced";
let marks = 0;

/**
 * Swaps the messages that the extension would swap wrongly for a live list: an arriving element whose id is in the
 * target already takes that element's place, and a message of nothing but out-of-band elements leaves the target alone.
 * All else is left to the extension.
 */
export function installMerge(api: HtmxInternalApi): void {
  // At the window and under the second of the event's two names, so that whoever may cancel the message has done so.
  addEventListener("htmx:sse-before-message", (event) => {
    if (!event.defaultPrevented && swapMessage(api, event as CustomEvent<MessageEvent<string>>)) event.preventDefault();
  });
}

/** What the extension does with a message, with a look at the fragment between parsing and swapping. */
function swapMessage(api: HtmxInternalApi, event: CustomEvent<MessageEvent<string>>): boolean {
  const element = event.composedPath()[0] as Element;
  const specification = api.getSwapSpecification(element);
  const target = api.getTarget(element);
  if (!target || ["none", "delete", "textContent"].includes(specification.swapStyle)) return false;

  let html = event.detail.data;
  api.withExtensions(element, (extension) => {
    html = extension.transformResponse(html, null, element);
  });
  const fragment = api.makeFragment(html);
  const merges = isListSwap(specification) && itemsOf(fragment).length > 0;
  if (!merges && (!bringsOutOfBand(fragment) || hasContent(fragment))) return false;

  api.swap(target, fragment, specification, {
    contextElement: element,
    // Not earlier: a swap may be delayed, and what is in the target is known only when it begins.
    beforeSwapCallback() {
      if (merges) replaceInPlace(fragment, target);
      dropVainDeletions(fragment, target);
      if (!hasContent(fragment)) specification.swapStyle = "none";
    },
  });
  api.triggerEvent(element, "htmx:sseMessage", event.detail);
  return true;
}

function isListSwap({ swapStyle }: SwapSpecification): boolean {
  return swapStyle === "beforeend" || swapStyle === "afterbegin";
}

/** The elements that the target is to get, and that can be told from others. */
function itemsOf(fragment: DocumentFragment): Element[] {
  return [...fragment.children].filter((child) => child.id !== "" && !child.matches(outOfBand));
}

/** By an out-of-band swap, so that focus, preserved elements, settling and events are htmx's own. */
function replaceInPlace(fragment: DocumentFragment, target: Element): void {
  const elsewhere = new Set([...fragment.querySelectorAll(outOfBand)].map((child) => child.id));
  for (const item of itemsOf(fragment)) {
    const present = target.querySelector(`#${CSS.escape(item.id)}`);
    // A message that deletes an item and brings it again moves it to where new items go.
    if (!present || elsewhere.has(item.id) || present.hasAttribute(replacedMark)) continue;
    marks += 1;
    present.setAttribute(replacedMark, `${marks}`);
    item.setAttribute("hx-swap-oob", `outerHTML:[${replacedMark}="${marks}"]`);
  }
}

/** A replayed deletion finds nothing to delete when the page was rendered after it. That is no error. */
function dropVainDeletions(fragment: DocumentFragment, target: Element): void {
  const root = target.getRootNode() as Document | ShadowRoot;
  for (const child of fragment.querySelectorAll('[hx-swap-oob="delete"], [data-hx-swap-oob="delete"]')) {
    if (!root.querySelector(`#${CSS.escape(child.id)}`)) child.remove();
  }
}

/** Whether the target itself is to get anything. */
function hasContent(fragment: DocumentFragment): boolean {
  return [...fragment.childNodes].some((node) => {
    if (node instanceof Element) return !node.matches(outOfBand) && !wrapsOutOfBand(node);
    return node.nodeType === Node.TEXT_NODE && node.textContent?.trim() !== "";
  });
}

function bringsOutOfBand(fragment: DocumentFragment): boolean {
  return [...fragment.children].some((child) => child.matches(outOfBand) || wrapsOutOfBand(child));
}

/** Table rows travel in a template, which htmx looks into and removes. */
function wrapsOutOfBand(element: Element): boolean {
  return element instanceof HTMLTemplateElement && element.content.querySelector(outOfBand) !== null;
}
