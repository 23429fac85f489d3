/**
 * The events by which every EventSource tells of its connection. Messages are dispatched by the same names: a page would
 * take one of such a type for a lost connection.
 */
export const connectionEvents: ReadonlySet<string> = new Set(["error", "open"]);
