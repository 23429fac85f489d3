/**
 * The type of the event by which a hub ends a stream for good, rather than interrupts it. The tags name it in
 * `sse-close`, so that htmx's extension closes the stream instead of opening it again and again.
 */
export const closeEvent = "mercure:close";

/**
 * The events by which every EventSource tells of its connection. Messages are dispatched by the same names: a page would
 * take one of such a type for a lost connection.
 */
export const connectionEvents: ReadonlySet<string> = new Set(["error", "open"]);
