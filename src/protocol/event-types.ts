/**
 * The type of the event that ends a stream for good. The tags name it in `sse-close`, so that htmx's extension closes
 * the stream instead of reconnecting.
 */
export const closeEvent = "mercure:close";

/**
 * The names of the connection events of every EventSource. Messages are dispatched under the same names, so a page
 * would mistake a message of such a type for a lost connection.
 */
export const connectionEvents: ReadonlySet<string> = new Set(["error", "open"]);
