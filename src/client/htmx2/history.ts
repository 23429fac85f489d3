import type { PageStreams } from "../core/page-streams.js";

/**
 * Resumes the streams of a page that htmx restores from a snapshot, exactly at their last position. The streams' tokens
 * come from memory. After a reload the memory is empty, so the page comes from the server instead.
 */
export function installHistory(streams: PageStreams): void {
  document.addEventListener("htmx:beforeHistorySave", () => streams.writePositions());
  document.addEventListener("htmx:historyCacheHit", (event) => {
    const { item } = (event as CustomEvent<{ item: { content: string } }>).detail;
    if (!streams.lacksToken(item.content)) return;
    event.preventDefault();
    location.reload();
  });
}
