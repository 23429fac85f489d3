/**
 * Whether `npm test` runs all files outside CI, with less repetition. Files that the command names run completely.
 */
export const isQuick = process.env.TEST_DEPTH === "quick";

/** Both lines of htmx, for tests that must also show outside CI that a page works on each. */
export const allHtmxLines: readonly (2 | 4)[] = [2, 4];

/** The lines of htmx that browsers test: outside CI only the line of the development packages. */
export const htmxLines: readonly (2 | 4)[] = isQuick ? [2] : allHtmxLines;
