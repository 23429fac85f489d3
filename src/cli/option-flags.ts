import type { HubOption, NumberOption } from "../hub/options/option-table.js";
import { variableOf } from "../hub/options/read-options.js";
import type { Flag, Flags } from "./command-line.js";

/** Returns the flag of a hub option, such as `max-connections`. The flag of a list names one item of it. */
export function flagOf(name: string, option: HubOption): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return Array.isArray(option.default) ? words.replace(/s$/, "") : words;
}

/**
 * Returns the flags of the hub options that a command line can set, with their variables, and with their defaults and
 * bounds in the help.
 *
 * @param defaults - The command's own defaults.
 */
export function optionFlags(
  table: Readonly<Record<string, HubOption>>,
  defaults: Readonly<Record<string, boolean>> = {},
): Flags {
  const flags = Object.entries(table).flatMap(([name, option]): [string, Flag][] => {
    if (option.kind === "object") return [];
    const help = [option.help, defaultOf(option, defaults[name])].filter(Boolean).join(" ");
    return [[flagOf(name, option), { ...formOf(option), variable: variableOf(name, option)!, help }]];
  });
  return Object.fromEntries(flags);
}

type FlagOption = Exclude<HubOption, { kind: "object" }>;

/** Returns the form of a flag's value. */
function formOf(option: FlagOption): Omit<Flag, "help"> {
  switch (option.kind) {
    case "number":
      return { value: option.unit, numeric: true };
    case "boolean":
      return { negatable: true };
    case "choice":
      return { value: option.values.join("|"), choices: option.values };
    case "strings":
    case "origins":
    case "corsOrigins":
    case "historyLengths":
      return { value: option.value, multiple: true };
    default:
      return { value: option.value };
  }
}

/** Returns the sentence about the default and the bounds; empty if the description contains it, and for lists. */
function defaultOf(option: FlagOption, own: boolean | undefined): string {
  if (option.kind === "number") return numberDefault(option);
  if (option.kind === "boolean") return `Default: ${(own ?? option.default) ? "yes" : "no"}.`;
  return option.default === undefined || Array.isArray(option.default) ? "" : `Default ${option.default}.`;
}

function numberDefault({ default: defaultValue, unit, max, zero }: NumberOption): string {
  const parts = [
    `Default ${unit === "bytes" ? bytesText(defaultValue) : defaultValue}`,
    ...(max === undefined ? [] : [`max ${max}`]),
    ...(zero === undefined ? [] : [`0 for ${zero}`]),
  ];
  return `${parts.join("; ")}.`;
}

/** Returns a number of bytes in the largest unit that divides it. */
function bytesText(bytes: number): string {
  if (bytes % (1024 * 1024) === 0) return `${bytes / (1024 * 1024)} MiB`;
  return bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes}`;
}
