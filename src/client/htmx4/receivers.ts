import type { Htmx, InternalApi } from "./htmx.js";
import { selector } from "./markup.js";

/** The attribute with the types of the messages that an element receives, separated by commas. */
const typeAttribute = "data-mercure-type";

/**
 * Returns the elements that receive a connection's messages of a type: those that name the type, and the connection's
 * own element, which receives messages without a type unless it names others.
 */
export function receiversOf(element: Element, type: string): Element[] {
  return ownElements(element, `[${typeAttribute}]`).filter((each) => {
    const types = each.getAttribute(typeAttribute) ?? "message";
    return types.split(",").some((name) => name.trim() === type);
  });
}

/** Fires the triggers `sse:type` of the elements of a connection, as the extension of htmx 2 does. */
export function fireTriggers(htmx: Htmx, api: InternalApi, element: Element, type: string, detail: object): void {
  for (const each of ownElements(element, '[hx-trigger*="sse:"], [data-hx-trigger*="sse:"]')) {
    const triggers = api.parseTriggerSpecs(api.attributeValue(each, "hx-trigger") ?? "");
    const event = `sse:${type}`;
    if (triggers.some(({ name }) => name.split("[")[0] === event)) htmx.trigger(each, event, detail, false);
  }
}

/** Returns a connection's element, and the matching elements in it that belong to no other connection. */
function ownElements(element: Element, selectors: string): Element[] {
  return [element, ...[...element.querySelectorAll(selectors)].filter((each) => each.closest(selector) === element)];
}
