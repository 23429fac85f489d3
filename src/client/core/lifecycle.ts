import type { PageStreams } from "./page-streams.js";
import { isPageHidden } from "./page-visibility.js";

/** Suspends and resumes streams with the page, and reconnects at once when the network or the reader is back. */
export function installLifecycle(streams: PageStreams): void {
  const revive = (silence?: number) => {
    for (const source of streams.openSources) source.revive(silence);
  };
  addEventListener("pagehide", () => {
    for (const source of streams.openSources) source.suspend();
  });
  addEventListener("pageshow", () => {
    for (const source of streams.openSources) source.resume();
  });
  // A connection over the lost network is dead, even if no error has come yet.
  addEventListener("online", () => revive(0));
  document.addEventListener("visibilitychange", () => {
    if (!isPageHidden()) revive();
  });
  // The browser froze the page, and its timers with it.
  document.addEventListener("resume", () => revive());
}
