/** The items that have matched a message already. Another message with the same content is another item. */
const counted = new WeakSet<Element>();

/**
 * Returns whether a list contains each element of a message already, with the same content. Only a message that the
 * page has received before can be compared: a handler that waits for its data renders items that are newer than the
 * position of the page.
 */
export function isRendered(message: ParentNode, list: Element): boolean {
  const present = [...message.children].map((element) =>
    [...list.children].find((item) => !counted.has(item) && item.isEqualNode(element)),
  );
  const items = present.filter((item) => item !== undefined);
  if (items.length === 0 || new Set(items).size < present.length) return false;
  for (const item of items) counted.add(item);
  return true;
}
