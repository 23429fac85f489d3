import { isPageHidden } from "../core/page-visibility.js";
import { openSources } from "./stream-elements.js";

/** Suspends and resumes streams with the page, and reconnects at once when the network or the reader is back. */
export function installLifecycle(): void {
  addEventListener("pagehide", () => {
    for (const source of openSources()) source.suspend();
  });
  addEventListener("pageshow", () => {
    for (const source of openSources()) source.resume();
  });
  // A connection over the lost network is dead, even if no error has come yet.
  addEventListener("online", () => revive(0));
  document.addEventListener("visibilitychange", () => {
    if (!isPageHidden()) revive();
  });
  // The browser froze the page, and its timers with it.
  document.addEventListener("resume", () => revive());
}

function revive(silence?: number): void {
  for (const source of openSources()) source.revive(silence);
}
