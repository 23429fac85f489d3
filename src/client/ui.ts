import { installAutoScroll } from "./core/auto-scroll.js";
import { installItemLimits } from "./core/item-limit.js";
import { carryReaderState, watchReader } from "./core/reader-state.js";
import type { replacement } from "./core/replacement.js";
import { installStatus } from "./core/status.js";
import type { WatchElements } from "./core/watch-elements.js";
import type { StreamState } from "./index.js";

/** The differences between the lines of htmx, and the state of the page. */
export interface Line {
  /** Returns whether new items come at the top, where the browser itself keeps the reader's place. */
  growsAtStart(element: Element): boolean;
  /** The event before a line of htmx copies the page. */
  readonly snapshotEvent: string;
  readonly replacement: typeof replacement;
  /** Sets the function that receives the page's state now and after each change. */
  onState(receive: (state: StreamState | undefined) => void): void;
}

interface UiOptions extends Line {
  readonly watchElements: WatchElements;
  /** Returns whether the reader has left the end of a feed before this script loaded. */
  isLeft(feed: Element): boolean;
  /** The events that came before this script. */
  readonly need: readonly (Event | undefined)[];
}

/** Installs the parts of the client that only some pages need. */
export function install({
  growsAtStart,
  isLeft,
  snapshotEvent,
  onState,
  replacement,
  need,
  watchElements,
}: UiOptions): void {
  watchReader(need);
  replacement.prepare = carryReaderState;
  installStatus(watchElements, onState);
  installItemLimits(watchElements);
  installAutoScroll(watchElements, growsAtStart, isLeft, snapshotEvent);
}
