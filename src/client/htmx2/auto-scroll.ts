import { AutoScroller } from "../core/feed.js";
import { watchElements } from "../core/watch-elements.js";
import type { HtmxInternalApi } from "./htmx.js";

/** Keeps each element with `data-auto-scroll` scrolled to its end for as long as it is in the page. */
export function installAutoScroll(api: HtmxInternalApi): void {
  const feeds = new Map<Element, AutoScroller>();
  watchElements('[data-auto-scroll]:not([data-auto-scroll="false"])', {
    added(element) {
      // With `afterbegin` new items come at the top, where the browser itself keeps the reader's place.
      if (element instanceof HTMLElement && api.getSwapSpecification(element).swapStyle !== "afterbegin") {
        feeds.set(element, new AutoScroller(element));
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
