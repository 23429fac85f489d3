import type { Mercure } from "../index.js";
import type { PauseHiddenAfter } from "./lifecycle.js";
import { pageStateOf } from "./page-state.js";
import type { PageStreams } from "./page-streams.js";

/** Returns the interface to the page's own scripts, for `window.mercure`. */
export function pageApiOf(streams: PageStreams, pause: PauseHiddenAfter): Mercure {
  let hiddenAfter = 0;
  return {
    get pauseHiddenAfter() {
      return hiddenAfter;
    },
    set pauseHiddenAfter(seconds) {
      hiddenAfter = seconds;
      pause(seconds);
    },
    get state() {
      return pageStateOf(streams.all);
    },
    get streams() {
      return streams.all;
    },
    reconnect() {
      for (const source of streams.openSources) source.revive(Number.POSITIVE_INFINITY);
    },
  };
}
