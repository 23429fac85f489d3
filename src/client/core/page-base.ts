/**
 * Returns the base of the page's relative URLs. Injected markup can hold a `<base>` of another origin. It is ignored,
 * so that it cannot send streams and their tokens there. Credentials in the page's URL are left out, because `fetch`
 * refuses a URL with credentials; the browser sends them by itself.
 */
export function pageBase(): string {
  // A page in `srcdoc` has the URL about:srcdoc, which has no origin to compare.
  if (location.protocol === "about:") return document.baseURI;
  const url = new URL(document.baseURI);
  if (url.origin !== location.origin) return location.href;
  url.username = url.password = "";
  return url.href;
}
