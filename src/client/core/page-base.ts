/**
 * What URLs in the page are relative to. A `<base>` of another origin, as somebody's markup may bring it, must not send
 * streams and their tokens there.
 */
export function pageBase(): string {
  const { baseURI } = document;
  // A page in `srcdoc` has no URL of its own.
  return location.protocol === "about:" || new URL(baseURI).origin === location.origin ? baseURI : location.href;
}
