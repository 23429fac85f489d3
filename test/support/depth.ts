/** Whether `npm test` runs all files at a desk, where tests repeat less than in CI. Files that are named run whole. */
export const isDesk = process.env.TEST_DEPTH === "desk";

/** The lines of htmx, for tests that show at a desk too that a page works on each. */
export const allHtmxLines: readonly (2 | 4)[] = [2, 4];

/** The lines of htmx that browsers try: at a desk the one that the development packages contain. */
export const htmxLines: readonly (2 | 4)[] = isDesk ? [2] : allHtmxLines;
