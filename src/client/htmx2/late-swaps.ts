import type { ElementSource } from "../core/element-source.js";

/** The ids before the messages that wait for their swap, by source, the oldest first. */
const waiting = new WeakMap<ElementSource, Set<{ readonly before: string }>>();
/** The swaps that wait for the next view transition. */
let swaps: (() => void)[] = [];

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

/** Returns the id of the last message that is in the page, or undefined if that is the last one of the source. */
export function positionInPage(source: ElementSource | undefined): string | undefined {
  const [first] = (source && waiting.get(source)) ?? [];
  return first?.before;
}

/**
 * Runs a swap in a view transition. Swaps that come before the transition begins share it: each transition of its own
 * would skip the one before, which the browser reports as an error.
 */
export function swapInTransition(swap: () => void): void {
  if (swaps.push(swap) > 1) return;
  const run = () => {
    const due = swaps;
    swaps = [];
    for (const each of due) each();
  };
  // The promise rejects when a later transition skips this one, or nobody sees the page. The swap runs all the same.
  document.startViewTransition(run).ready.catch(() => {});
}
