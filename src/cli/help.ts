import type { Command } from "./command.js";

const width = 34;

/** Returns the help of a command, as `--help` prints it. */
export function helpOf({ name, usage, summary, details, flags }: Command): string {
  const rows = Object.entries(flags).map(([flag, { value, multiple, negatable, variable, help }]) => {
    const left = `--${negatable ? "[no-]" : ""}${flag}${value === undefined ? "" : ` <${value}>`}${multiple ? " …" : ""}`;
    return row(left, variable === undefined ? help : `${help} (${variable})`);
  });
  const text = [`Usage: htmx-mercure ${name} ${usage}`.trimEnd(), summary, ...(details === undefined ? [] : [details])];
  return `${text.join("\n\n")}\n\nFlags:\n${rows.join("\n")}`;
}

/** Returns the list of all commands. */
export function overviewOf(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => row(name, summary));
  return [
    "Usage: htmx-mercure <command> [flags]",
    "Runs a Mercure hub, publishes to it and subscribes to it.",
    `Commands:\n${rows.join("\n")}`,
    "htmx-mercure <command> --help describes a command; htmx-mercure --version prints the version.",
  ].join("\n\n");
}

function row(left: string, right: string): string {
  const cell = `  ${left}`;
  return cell.length < width ? `${cell.padEnd(width)}${right}` : `${cell}\n${" ".repeat(width)}${right}`;
}
