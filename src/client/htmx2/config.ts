import type { Htmx } from "./htmx.js";

/**
 * What a page under `Content-Security-Policy: default-src 'self'` needs: the style element that htmx would write into
 * the page is refused there, so that its rules are in mercure.css. A page's own htmx-config meta still has the last word.
 */
export function configure(htmx: Htmx): void {
  htmx.config.includeIndicatorStyles = false;
}
