import { addressIn, attributeOf, streamSelector, writePositions } from "./stream-elements.js";

/**
 * Resumes the streams of a page that htmx restores from a snapshot, exactly at their last position. The streams' tokens
 * come from memory. After a reload the memory is empty, so the page comes from the server instead.
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
