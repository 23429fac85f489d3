/** Calls a function when the page is shown, or at once unless the browser is rendering it in advance. */
export function whenActivated(run: () => void): void {
  if (!(document as { prerendering?: boolean }).prerendering) run();
  else document.addEventListener("prerenderingchange", run, { once: true });
}

/** Returns whether nobody sees the page. Outside a browser somebody always does. */
export function isPageHidden(): boolean {
  return globalThis.document?.visibilityState === "hidden";
}
