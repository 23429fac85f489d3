import { AutoScroller } from "./feed.js";
import type { WatchElements } from "./watch-elements.js";

/**
 * Keeps each element with `data-auto-scroll` scrolled to its end while it is in the page.
 *
 * @param growsAtStart - Returns whether new items come at the top, where the browser itself keeps the reader's place.
 * @param isLeft - Returns whether the reader has left the end of a feed already.
 * @param snapshotEvent - The event before a line of htmx copies the page.
 */
export function installAutoScroll(
  watchElements: WatchElements,
  growsAtStart: (element: Element) => boolean,
  isLeft: (feed: Element) => boolean,
  snapshotEvent: string,
): void {
  const feeds = new Map<Element, AutoScroller>();
  watchElements('[data-auto-scroll]:not([data-auto-scroll="false"])', {
    added(element) {
      if (element instanceof HTMLElement && !growsAtStart(element)) {
        feeds.set(element, new AutoScroller(element, !isLeft(element)));
      }
    },
    removed(element) {
      feeds.get(element)?.dispose();
      feeds.delete(element);
    },
  });
  document.addEventListener(snapshotEvent, () => {
    for (const feed of feeds.values()) feed.skipSnapshot();
  });
}
