import { Feed } from "../core/feed.js";
import { watchElements } from "../core/watch-elements.js";
import type { HtmxInternalApi } from "./htmx.js";

/** Keeps each element with `data-auto-scroll` at its end, from when it comes into the page until it goes. */
export function installAutoScroll(api: HtmxInternalApi): void {
  const feeds = new Map<Element, Feed>();
  watchElements('[data-auto-scroll]:not([data-auto-scroll="false"])', {
    added(element) {
      // Where the new comes first, its place is the top, and there the browser itself moves no reader.
      if (element instanceof HTMLElement && api.getSwapSpecification(element).swapStyle !== "afterbegin") {
        feeds.set(element, new Feed(element));
      }
    },
    removed(element) {
      feeds.get(element)?.dispose();
      feeds.delete(element);
    },
  });
  document.addEventListener("htmx:beforeHistorySave", () => {
    for (const feed of feeds.values()) feed.skipSnapshot();
  });
}
