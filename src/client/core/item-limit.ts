import type { WatchElements } from "./watch-elements.js";

/**
 * Keeps only the newest items of each element with `data-mercure-limit`. New items are at the end, or at the start if
 * `data-mercure-oldest` is `last`. An item with the focus stays until it loses the focus.
 */
export function installItemLimits(watchElements: WatchElements): void {
  const observers = new Map<Element, MutationObserver>();
  watchElements("[data-mercure-limit]", {
    added(element) {
      const observer = new MutationObserver(() => trim(element as HTMLElement));
      observer.observe(element, { childList: true, attributeFilter: ["data-mercure-limit"] });
      observers.set(element, observer);
      trim(element as HTMLElement);
    },
    removed(element) {
      observers.get(element)?.disconnect();
      observers.delete(element);
    },
  });
}

function trim(list: HTMLElement): void {
  const limit = Number(list.dataset.mercureLimit);
  if (!(limit > 0)) return;
  const items = [...list.children];
  const isNewestFirst = list.dataset.mercureOldest === "last";
  const old = isNewestFirst ? items.slice(limit) : items.slice(0, Math.max(0, items.length - limit));
  const beside = isNewestFirst ? "previousSibling" : "nextSibling";
  for (const item of old) {
    if (item.contains(document.activeElement)) continue;
    // Messages bring white space and comments too, which would stay forever.
    for (let node = item[beside]; node && !(node instanceof Element); node = item[beside]) node.remove();
    item.remove();
  }
}
