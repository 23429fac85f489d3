import type { MercureStream, StreamState } from "../index.js";

/** The states, the worst first. */
const byTrouble: readonly StreamState[] = ["offline", "denied", "stale", "connecting", "paused", "ended", "open"];

let scheduled = false;
let current: StreamState | undefined;
let listener: (state: StreamState | undefined) => void = () => {};

export function pageStateOf(streams: readonly MercureStream[]): StreamState | undefined {
  return byTrouble.find((state) => streams.some((stream) => stream.state === state));
}

/** Sets the function that receives the page's state now and after each change of a stream. */
export function onPageState(receive: (state: StreamState | undefined) => void): void {
  listener = receive;
  receive(current);
}

/** Writes the page's state as a class of the root element, once after all changes of a turn. */
export function showPageState(streams: () => readonly MercureStream[]): void {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    current = pageStateOf(streams());
    for (const state of byTrouble) document.documentElement.classList.toggle(`mercure-${state}`, state === current);
    listener(current);
  });
}
