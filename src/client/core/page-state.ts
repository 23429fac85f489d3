import type { MercureStream, StreamState } from "../index.js";

/** The states from the most troubled one to the least. */
const byTrouble: readonly StreamState[] = ["offline", "denied", "stale", "connecting", "paused", "ended", "open"];

let scheduled = false;

export function pageStateOf(streams: readonly MercureStream[]): StreamState | undefined {
  return byTrouble.find((state) => streams.some((stream) => stream.state === state));
}

/** Writes the page's state as a class of the root element, once after all changes of a turn. */
export function showPageState(streams: () => readonly MercureStream[]): void {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    const current = pageStateOf(streams());
    for (const state of byTrouble) document.documentElement.classList.toggle(`mercure-${state}`, state === current);
  });
}
