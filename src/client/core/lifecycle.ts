import type { PageStreams } from "./page-streams.js";
import { isPageHidden } from "./page-visibility.js";

/** Sets the time until the streams of a hidden page pause, in seconds. 0 for never. */
export type PauseHiddenAfter = (seconds: number) => void;

/** Suspends and resumes streams with the page, and reconnects at once when the network or the reader returns. */
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
  // A connection over the lost network is dead, even before an error.
  addEventListener("online", () => revive(0));
  document.addEventListener("visibilitychange", () => {
    pauseLater();
    if (isPageHidden()) return;
    resume();
    revive();
  });
  // The browser had frozen the page, with its timers.
  document.addEventListener("resume", () => revive());
  return (seconds) => {
    pauseAfter = seconds;
    pauseLater();
  };
}
