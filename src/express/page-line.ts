import type { IncomingMessage } from "node:http";
import type { RenderContext } from "../publisher/streams/render-context.js";
import type { HtmxLine } from "../shared/htmx-line.js";

/**
 * Returns the line of htmx on a page: the one that its scripts name, else for a fragment the one of the page that asks
 * for it, else the application's. Only htmx 4 says what kind of request it makes.
 */
export function lineOfPage(page: RenderContext | undefined, applications: HtmxLine): HtmxLine {
  if (page?.htmx !== undefined) return page.htmx;
  const { headers = {} } = (page?.request ?? {}) as Partial<IncomingMessage>;
  if (headers["hx-request-type"] !== undefined) return 4;
  return headers["hx-request"] !== undefined && headers["hx-current-url"] !== undefined ? 2 : applications;
}
