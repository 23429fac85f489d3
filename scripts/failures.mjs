import { relative } from "node:path";

/** The max number of lines of an error. A counterexample of a property can have thousands. */
const MAX_LINES = 5;
const MAX_LINE_LENGTH = 200;
const MAX_FAILURES = 40;

/** Describes failed tests in few lines: the file, the full name, and the beginning of the error. */
export function describeFailures(failures) {
  const described = failures.slice(0, MAX_FAILURES).map(describeFailure);
  const left = failures.length - described.length;
  return [...described, ...(left > 0 ? [`And ${left} more.`] : [])].join("\n");
}

function describeFailure({ file, name, message }) {
  const lines = message.split("\n").filter((line) => line.trim() !== "");
  const place = file === undefined ? "" : `${relative("", file)}: `;
  return [
    `✖ ${place}${name}`,
    ...lines.slice(0, MAX_LINES).map((line) => `    ${line.slice(0, MAX_LINE_LENGTH)}`),
  ].join("\n");
}
