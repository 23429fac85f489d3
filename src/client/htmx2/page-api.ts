import type { Mercure } from "../index.js";
import { pageStateOf } from "./page-state.js";
import { allStreams, openSources } from "./stream-elements.js";

/** The interface to the page's own scripts, as `window.mercure`. */
export const pageApi: Mercure = {
  get state() {
    return pageStateOf(allStreams());
  },
  get streams() {
    return allStreams();
  },
  reconnect() {
    for (const source of openSources()) source.revive(Number.POSITIVE_INFINITY);
  },
};
