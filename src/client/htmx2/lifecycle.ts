import { openSources } from "./stream-elements.js";

/**
 * The silence that suggests a dead connection, in milliseconds. Keep-alive comments come every 15 s here, 40 s
 * elsewhere.
 */
const suspiciousSilence = 45_000;

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
    if (document.visibilityState === "visible") revive(suspiciousSilence);
  });
}

function revive(silence: number): void {
  for (const source of openSources()) source.revive(silence);
}
