import type { ElementSource } from "../core/element-source.js";

/** The ids before the messages that wait for their swap, by source, the oldest first. */
const waiting = new WeakMap<ElementSource, Set<{ readonly before: string }>>();

/**
 * Keeps the position of a source before the message that it is dispatching, because the swap is delayed: a copy of the
 * page that htmx stores meanwhile lacks the message. Returns a function that must be called after the swap.
 */
export function holdPosition(source: ElementSource): () => void {
  const held = { before: source.previousEventId };
  const all = waiting.get(source) ?? new Set();
  waiting.set(source, all.add(held));
  return () => all.delete(held);
}

/** Returns the id of the last message in the page. Undefined if it is the source's last event id. */
export function positionInPage(source: ElementSource | undefined): string | undefined {
  const [first] = (source && waiting.get(source)) ?? [];
  return first?.before;
}
