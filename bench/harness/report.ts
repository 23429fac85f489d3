import type { Answer } from "./answer.js";
import type { Column } from "./question.js";

/** An answer as text for a terminal: the table, its faults, its omissions, and the targets. */
export function report({ asks, rows, leftOut, targets }: Answer, columns: readonly Column[]): string {
  const measured = [
    ["", ...columns.map(({ title }) => title)],
    ...rows.map(({ name, figures }) => [name, ...columns.map((column) => show(figures[column.figure], column.digits))]),
  ];
  const faults = rows.flatMap(({ name, faults }) => faults.map((fault) => `FAULT  ${name}: ${fault}`));
  const absent = leftOut.map(({ name, why }) => `left out  ${name}: ${why}`);
  const wanted = [
    ["target", "measured", ""],
    ...targets.map((target) => [target.wanted, target.measured, target.met ? "met" : "MISSED"]),
  ];
  const parts = [asks, table(measured), ...faults, ...absent];
  return `${[...parts, ...(targets.length > 0 ? ["", table(wanted)] : [])].join("\n")}\n`;
}

function show(figure: number | undefined, digits: number): string {
  if (figure === undefined || !Number.isFinite(figure)) return "–";
  return figure.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Returns columns as wide as their widest cell. The first column is text, and the others are numbers. */
function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "))
    .join("\n");
}
