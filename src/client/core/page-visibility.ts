/** Calls a function when the page is shown: at once, or at the end of its prerendering. */
export function whenActivated(run: () => void): void {
  if (!(document as { prerendering?: boolean }).prerendering) run();
  else document.addEventListener("prerenderingchange", run, { once: true });
}

/** Returns whether the page is hidden. Outside a browser a page counts as visible. */
export function isPageHidden(): boolean {
  return globalThis.document?.visibilityState === "hidden";
}
