/**
 * Returns the base of the page's relative URLs. Injected markup can hold a `<base>` of another origin, which must not
 * receive streams and their tokens, so it is ignored. Credentials in the page's URL are omitted, because `fetch`
 * rejects a URL with credentials; the browser sends them by itself.
 */
export function pageBase(): string {
  // A page in `srcdoc` has the URL about:srcdoc, which has no origin to compare.
  if (location.protocol === "about:") return document.baseURI;
  const url = new URL(document.baseURI);
  if (url.origin !== location.origin) return location.href;
  url.username = url.password = "";
  return url.href;
}
