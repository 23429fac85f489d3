/**
 * A reporter for node:test. It reports the last finished test to its parent process as progress, and at the end the
 * numbers of passed and failed tests in the runner's summary, and the time of each file.
 */
// biome-ignore lint/correctness/useYield: This reporter sends messages and yields no text.
// biome-ignore lint/style/noDefaultExport: Node loads a reporter from its default export.
export default async function* progress(events) {
  const summary = {};
  /** By file: the total time of its outermost tests. */
  const milliseconds = {};
  for await (const { type, data } of events) {
    if (type === "test:pass" || type === "test:fail") {
      process.send({ ended: data.name });
      if (data.nesting === 0 && data.file !== undefined) {
        milliseconds[data.file] = (milliseconds[data.file] ?? 0) + data.details.duration_ms;
      }
    }
    const line = type === "test:diagnostic" && data.nesting === 0 && /^(\w+) (\d+)$/.exec(data.message);
    if (line) summary[line[1]] = Number(line[2]);
  }
  // An interrupted run has no summary.
  if (summary.tests === undefined) return;
  process.send({ counts: { passed: summary.pass, failed: summary.fail + summary.cancelled, milliseconds } });
}
