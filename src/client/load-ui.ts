import { watchElements } from "./core/watch-elements.js";
import type { Line } from "./ui.js";

/** The max time that messages wait for the script, in milliseconds. */
const maxHold = 2_000;

/**
 * Loads the script `ui.js` when the page first needs it: for a feed that scrolls, a list with a limit, a status, or an
 * element that the reader focuses, scrolls, opens or changes. A replacement must keep such changes.
 */
export function loadUi(line: Line): void {
  let isLoaded = false;
  /** The scroll positions at the ends of feeds. */
  const ends = new WeakMap<Element, number>();
  const isLeft = (feed: Element) => feed.scrollTop < (ends.get(feed) ?? 0) - 1;
  /** The events until the script has come. */
  let events: (Event | undefined)[] | undefined = [];
  const load = (event?: Event) => {
    events?.push(event);
    if (isLoaded) return;
    isLoaded = true;
    const loading = import("./ui.js").then(
      ({ install }) => {
        install({ ...line, isLeft, need: events!, watchElements });
        events = undefined;
      },
      // The browser reports the failure. The next need retries.
      () => {
        isLoaded = false;
      },
    );
    line.replacement.ready = Promise.race([loading, new Promise((resolve) => setTimeout(resolve, maxHold))]);
  };
  for (const name of ["focusin", "input", "scroll", "toggle"]) addEventListener(name, load, true);
  watchElements("[data-auto-scroll], [data-mercure-limit], .mercure-status", {
    added(element) {
      // The reader sees the end at once, before the script has loaded.
      if (element.matches('[data-auto-scroll]:not([data-auto-scroll="false"])') && !line.growsAtStart(element)) {
        element.scrollTop = element.scrollHeight;
        ends.set(element, element.scrollTop);
      }
      load();
    },
    removed() {},
  });
}
