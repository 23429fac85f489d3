import type { PageStreams } from "../core/page-streams.js";

/** The event before the extension `hx-history-cache` copies the page into the session storage. */
export const snapshotEvent = "htmx:history:cache:before:save";

/**
 * Resumes the streams of a page from a snapshot, exactly at their last position. The streams' tokens come from memory.
 * After a reload the memory is empty, so htmx fetches the page instead.
 */
export function installHistory(streams: PageStreams): void {
  document.addEventListener(snapshotEvent, () => streams.writePositions());
  document.addEventListener("htmx:history:cache:hit", (event) => {
    const { item } = (event as CustomEvent<{ item: { content: string } }>).detail;
    if (streams.lacksToken(item.content)) event.preventDefault();
  });
}
