/** A line of htmx that the library supports. Its markup, its scripts and the client's adapter differ. */
export type HtmxLine = 2 | 4;
