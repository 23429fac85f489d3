import type { IncomingMessage } from "node:http";
import type { RenderContext } from "../publisher/streams/render-context.js";
import type { HtmxLine } from "../shared/htmx-line.js";

/**
 * Returns the line of htmx on a page: the line that its scripts name. For a fragment it is the line of the requesting
 * page, else the application's. Only requests of htmx 4 tell their line.
 */
export function lineOfPage(page: RenderContext | undefined, applications: HtmxLine): HtmxLine {
  if (page?.htmx !== undefined) return page.htmx;
  const { headers = {} } = (page?.request ?? {}) as Partial<IncomingMessage>;
  if (headers["hx-request-type"] !== undefined) return 4;
  return headers["hx-request"] !== undefined && headers["hx-current-url"] !== undefined ? 2 : applications;
}
