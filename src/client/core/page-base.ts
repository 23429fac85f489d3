/**
 * Returns the base of the page's relative URLs. Injected markup can hold a `<base>` of another origin. It is ignored,
 * so that it cannot send streams and their tokens there.
 */
export function pageBase(): string {
  const { baseURI } = document;
  // A page in `srcdoc` has the URL about:srcdoc, which has no origin to compare.
  return location.protocol === "about:" || new URL(baseURI).origin === location.origin ? baseURI : location.href;
}
