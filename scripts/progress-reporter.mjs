import { resolve } from "node:path";
import { inspect } from "node:util";

const MAX_COMPLAINT = 2000;

/**
 * A reporter for node:test. It reports to its parent process the last finished test as progress, each failed test, and at
 * the end the numbers of passed and failed tests in the runner's summary, and the time of each file.
 */
// biome-ignore lint/correctness/useYield: This reporter sends messages and yields no text.
// biome-ignore lint/style/noDefaultExport: Node loads a reporter from its default export.
export default async function* progress(events) {
  const summary = {};
  /** By file: the total time of its outermost tests. */
  const milliseconds = {};
  /**
   * The tests around the present one, outermost first, and the present one. The runner reports one test after another.
   */
  const ancestors = [];
  /** By file: the last line of its standard error that tells of an error, and the indented ones after it. */
  const complaints = new Map();
  for await (const { type, data } of events) {
    if (type === "test:stderr") {
      // Some versions of Node tell the path as the runner got it.
      const file = resolve(data.file);
      const complaint = /^.*Error\b[\s\S]*/m.exec(data.message)?.[0];
      const known = complaints.get(file);
      if (complaint !== undefined) complaints.set(file, complaint);
      // Node reports each line by itself.
      else if (known !== undefined && known.length < MAX_COMPLAINT && /^\s/.test(data.message)) {
        complaints.set(file, known + data.message);
      }
    }
    if (type === "test:start") ancestors.splice(data.nesting, Number.POSITIVE_INFINITY, data);
    if (type === "test:fail" && data.details.error?.failureType !== "subtestsFailed") {
      process.send({ failure: failure(data, ancestors.slice(0, data.nesting), complaints.get(data.file)) });
    }
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

/** Returns a failure under the file of the outermost test: a shared suite declares its tests in another file. */
function failure({ name, file, details: { error } }, ancestors, complaint) {
  const { cause, exitCode, signal } = error ?? {};
  const message = textOf(cause?.message ?? cause ?? error?.message ?? "No message.");
  // The runner reports a process that failed outside its tests as a test, and knows only its exit code or signal.
  const ended = exitCode === undefined ? "" : `The process ended with ${signal ?? exitCode}.\n`;
  return {
    file: ancestors[0]?.file ?? file,
    name: [...ancestors.map((ancestor) => ancestor.name), name].join(" > "),
    message: ended === "" ? message : `${ended}${complaint ?? message}`,
  };
}

/** A thrown value comes from another process without its prototype, and may then have no text. */
function textOf(value) {
  try {
    return String(value);
  } catch {
    return inspect(value, { depth: 1 });
  }
}
