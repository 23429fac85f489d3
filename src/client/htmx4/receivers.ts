import type { Htmx, InternalApi, SwapContext } from "./htmx.js";
import { selector } from "./markup.js";

/**
 * The attributes with the types of the messages that an element receives, separated by commas. An application that moves
 * page by page has components for both lines.
 */
const typeAttribute = "data-mercure-type";
const typeAttributeOf2 = "sse-swap";
const triggered = '[hx-trigger*="sse:"], [data-hx-trigger*="sse:"]';
const candidates = `[${typeAttribute}], [${typeAttributeOf2}], ${triggered}, ${selector}`;

/** The elements that can receive messages, by connection. */
let found = new WeakMap<Element, Element[]>();
/** The last context of each receiver. */
let contexts = new WeakMap<Element, SwapContext>();
const changes = new MutationObserver(forget);

/** Clears the caches after a relevant change. Changes of classes are not relevant: each swap adds and removes some. */
function forget(records: MutationRecord[]): void {
  const matters = (node: Node) =>
    node instanceof Element && (node.matches(candidates) || node.querySelector(candidates));
  for (const { attributeName, addedNodes, removedNodes } of records) {
    if (attributeName ? attributeName !== "class" : [...addedNodes, ...removedNodes].some(matters)) {
      found = new WeakMap();
      contexts = new WeakMap();
      return;
    }
  }
}

/**
 * Returns a connection's element, and the elements in it that can receive messages and belong to no other connection.
 * They are looked for only after a change of the page, because a feed can be long.
 */
export function candidatesIn(element: Element): Element[] {
  forget(changes.takeRecords());
  let all = found.get(element);
  if (!all) {
    changes.observe(element.getRootNode(), { attributes: true, childList: true, subtree: true });
    all = [element, ...[...element.querySelectorAll(candidates)].filter((each) => each.closest(selector) === element)];
    found.set(element, all);
  }
  return all;
}

/**
 * Returns a new context for a swap into a receiver of a connection. htmx looks for a dozen inherited attributes, which
 * takes as long as a swap. The context is therefore a copy of the last one until an attribute of the page changes.
 */
export function contextOf(api: InternalApi, receiver: Element): SwapContext {
  forget(changes.takeRecords());
  let context = contexts.get(receiver);
  if (!context) {
    context = api.createRequestContext(receiver, {});
    if ((api.attributeValue(receiver, "hx-target") ?? "this") === "this") contexts.set(receiver, context);
  }
  return { ...context };
}

/**
 * Returns whether an element receives a connection's messages of a type. An element receives the types that it names.
 * The connection's own element receives messages without a type if it names none.
 */
export function receives(each: Element, element: Element, type: string): boolean {
  const types =
    each.getAttribute(typeAttribute) ?? each.getAttribute(typeAttributeOf2) ?? (each === element ? "message" : "");
  return types.split(",").some((name) => name.trim() === type);
}

/** Fires the triggers `sse:type` of an element, as the extension of htmx 2 does. */
export function fireTriggers(htmx: Htmx, api: InternalApi, element: Element, type: string, detail: object): void {
  if (!element.matches(triggered)) return;
  const triggers = api.parseTriggerSpecs(api.attributeValue(element, "hx-trigger") ?? "");
  const event = `sse:${type}`;
  if (triggers.some(({ name }) => name.split("[")[0] === event)) htmx.trigger(element, event, detail, false);
}
