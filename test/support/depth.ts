/**
 * Whether `npm test` runs all files at a desk, with less repetition than in CI. Files that the command names run whole.
 */
export const isDesk = process.env.TEST_DEPTH === "desk";

/** Both lines of htmx, for tests that must show at a desk too that a page works on each. */
export const allHtmxLines: readonly (2 | 4)[] = [2, 4];

/** The lines of htmx that browsers test: at a desk only the line of the development packages. */
export const htmxLines: readonly (2 | 4)[] = isDesk ? [2] : allHtmxLines;
