import { openSources } from "./stream-elements.js";

/** Longer than the pause between two keep-alive comments of the usual hubs (15 s here, 40 s elsewhere). */
const suspiciousSilence = 45_000;

/** Streams leave and come back with the page, and do not wait when the network or the reader is back. */
export function installLifecycle(): void {
  addEventListener("pagehide", () => {
    for (const source of openSources()) source.suspend();
  });
  addEventListener("pageshow", () => {
    for (const source of openSources()) source.resume();
  });
  // A connection of the network that went is dead, even if nothing has told so yet.
  addEventListener("online", () => revive(0));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") revive(suspiciousSilence);
  });
}

function revive(silence: number): void {
  for (const source of openSources()) source.revive(silence);
}
