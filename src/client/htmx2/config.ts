import type { Htmx } from "./htmx.js";

/**
 * Configures htmx for `Content-Security-Policy: default-src 'self'`. That policy refuses the style element that htmx
 * would write into the page, so mercure.css has its rules. The page's own htmx-config meta overrides this setting.
 */
export function configure(htmx: Htmx): void {
  htmx.config.includeIndicatorStyles = false;
}
