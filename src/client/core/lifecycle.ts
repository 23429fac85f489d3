import type { PageStreams } from "./page-streams.js";
import { isPageHidden } from "./page-visibility.js";

/** Sets how long a page is hidden until its streams pause, in seconds. 0 for never. */
export type PauseHiddenAfter = (seconds: number) => void;

/** Suspends and resumes streams with the page, and reconnects at once when the network or the reader is back. */
export function installLifecycle(streams: PageStreams): PauseHiddenAfter {
  let pauseAfter = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const revive = (silence?: number) => {
    for (const source of streams.openSources) source.revive(silence);
  };
  const suspend = () => {
    for (const source of streams.openSources) source.suspend();
  };
  const resume = () => {
    for (const source of streams.openSources) source.resume();
  };
  const pauseLater = () => {
    clearTimeout(timer);
    // A longer timer would fire at once.
    if (pauseAfter > 0 && isPageHidden()) timer = setTimeout(suspend, Math.min(pauseAfter * 1000, 2 ** 31 - 1));
  };
  addEventListener("pagehide", suspend);
  addEventListener("pageshow", resume);
  // A connection over the lost network is dead, even if no error has come yet.
  addEventListener("online", () => revive(0));
  document.addEventListener("visibilitychange", () => {
    pauseLater();
    if (isPageHidden()) return;
    resume();
    revive();
  });
  // The browser froze the page, and its timers with it.
  document.addEventListener("resume", () => revive());
  return (seconds) => {
    pauseAfter = seconds;
    pauseLater();
  };
}
