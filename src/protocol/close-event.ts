/**
 * The type of the last event of a stream that must not come back: its token does no longer. Scripts that would try again
 * and again close when they hear it, as htmx's extension does by `sse-close`.
 */
export const closeEvent = "mercure:close";
