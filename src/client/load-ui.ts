import { watchElements } from "./core/watch-elements.js";
import type { Line } from "./ui.js";

/**
 * Loads `ui.js`, a script of its own, with the first element of the page that needs it: a feed that scrolls, a list with
 * a limit, or a status.
 */
export function loadUi(line: Line): void {
  let isLoaded = false;
  /** The scroll positions at the ends of feeds. */
  const ends = new WeakMap<Element, number>();
  const isLeft = (feed: Element) => feed.scrollTop < (ends.get(feed) ?? 0) - 1;
  watchElements("[data-auto-scroll], [data-mercure-limit], .mercure-status", {
    added(element) {
      // The reader sees the end at once, not when the script has come.
      if (element.matches('[data-auto-scroll]:not([data-auto-scroll="false"])') && !line.growsAtStart(element)) {
        element.scrollTop = element.scrollHeight;
        ends.set(element, element.scrollTop);
      }
      if (isLoaded) return;
      isLoaded = true;
      import("./ui.js").then(
        ({ install }) => install({ ...line, isLeft }),
        // The browser reports the failure. The next element tries again.
        () => {
          isLoaded = false;
        },
      );
    },
    removed() {},
  });
}
