/** Returns whether nobody sees the page. Outside a browser somebody always does. */
export function isPageHidden(): boolean {
  return globalThis.document?.visibilityState === "hidden";
}
