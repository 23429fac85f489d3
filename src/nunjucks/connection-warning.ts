import type { RenderContext } from "../publisher/streams/render-context.js";

/** The max streams of a page: a browser's six connections per host over HTTP/1.1, minus two for other requests. */
const maxConnections = 4;

/** Warns the developer about a page that uses up the browser's connections. */
export function warnOfConnections(page: RenderContext | undefined, warn: (message: string) => void): void {
  if (page === undefined || ++page.connections !== maxConnections + 1) return;
  warn(
    `htmx-mercure: ${page.url} opens more than ${maxConnections} streams. Over HTTP/1.1 a browser opens six connections ` +
      "to a host, and further tabs and requests wait. Put streams into a MercureStreamContext, or serve HTTP/2.",
  );
}
