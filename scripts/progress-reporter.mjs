/**
 * A reporter for node:test that tells its parent process which test ended last, so that it knows of progress, and at the
 * end how many passed and failed, as the runner sums it up, and how long each file took.
 */
// biome-ignore lint/correctness/useYield: What a reporter yields is written somewhere; this one sends.
// biome-ignore lint/style/noDefaultExport: Node takes a reporter by its default export.
export default async function* progress(events) {
  const summary = {};
  /** By file: how long its outermost tests took together. */
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
  // A run that broke off sums nothing up.
  if (summary.tests === undefined) return;
  process.send({ counts: { passed: summary.pass, failed: summary.fail + summary.cancelled, milliseconds } });
}
