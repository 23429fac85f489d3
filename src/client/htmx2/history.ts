import { addressIn, attributeOf, streamSelector, writePositions } from "./stream-elements.js";

/**
 * A page that htmx brings back from its snapshots goes on exactly where it was left. The tokens of its streams come from
 * memory; when they are no longer there, because the page was reloaded since, the page comes from the server instead.
 */
export function installHistory(): void {
  document.addEventListener("htmx:beforeHistorySave", writePositions);
  document.addEventListener("htmx:historyCacheHit", (event) => {
    const { item } = (event as CustomEvent<{ item: { content: string } }>).detail;
    if (!lacksToken(item.content)) return;
    event.preventDefault();
    location.reload();
  });
}

function lacksToken(html: string): boolean {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  return [...body.querySelectorAll(streamSelector)].some((element) => {
    const text = element.getAttribute(attributeOf(element)) ?? "";
    return /[?&#]authorization=(&|$)/.test(text) && addressIn(text).token === undefined;
  });
}
