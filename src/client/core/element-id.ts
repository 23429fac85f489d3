/** Begins the ids that the script gives to fields, so that htmx finds them. New renderings lack these ids. */
export const keptPrefix = "mercure-kept-";

/** Returns the page's own id of an element. The property `id` of a form is its field of that name, if it has one. */
export function idOf(element: Element): string {
  const id = element.getAttribute("id") ?? "";
  return id.startsWith(keptPrefix) ? "" : id;
}

/** Returns the element with the same id in another rendering, or null without an id. */
export function sameIdIn(root: ParentNode, element: Element): Element | null {
  const id = idOf(element);
  return id === "" ? null : root.querySelector(`#${CSS.escape(id)}`);
}
