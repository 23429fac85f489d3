import { type ParseArgsConfig, parseArgs } from "node:util";
import { didYouMean } from "../shared/nearest.js";
import { UsageError } from "./errors.js";

export interface Flag {
  /** The name of the flag's value in the help. Without it the flag takes no value, and its presence means true. */
  readonly value?: string;
  /** The only values, and their types. */
  readonly choices?: readonly (string | number)[];
  /** Whether the value is a number; text otherwise. */
  readonly numeric?: boolean;
  /** Whether the flag can be repeated. */
  readonly multiple?: boolean;
  /** Whether `--no-<name>` turns it off. */
  readonly negatable?: boolean;
  /** The environment variable that replaces the flag. */
  readonly variable?: string;
  readonly help: string;
}

export type Flags = Readonly<Record<string, Flag>>;

type Value = string | number | boolean | string[];

interface CommandLine {
  readonly values: Readonly<Record<string, Value>>;
  readonly positionals: readonly string[];
}

interface OptionToken {
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

/**
 * Parses the arguments after a command's name.
 *
 * @param max - The max number of positional arguments.
 * @throws UsageError for an unknown flag, a repeated flag, a missing value, or too many arguments.
 */
export function readCommandLine(args: readonly string[], flags: Flags, max: number): CommandLine {
  const known = new Map(Object.entries(flags));
  for (const [name, flag] of Object.entries(flags)) if (flag.negatable) known.set(`no-${name}`, { help: "" });
  const options: ParseArgsConfig["options"] = { h: { type: "boolean" } };
  for (const [name, { value }] of known) options[name] = { type: value === undefined ? "boolean" : "string" };

  const values: Record<string, Value> = {};
  const positionals: string[] = [];
  for (const token of parseArgs({ args: [...args], options, strict: false, tokens: true }).tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const name = token.name === "h" ? "help" : token.name;
    const flag = known.get(name);
    if (flag === undefined) {
      const names = [...known.keys()].map((each) => `--${each}`);
      throw new UsageError(`Unknown flag ${token.rawName}.${didYouMean(token.rawName, names)}`);
    }
    const value = readValue(token, flag);
    if (flag.multiple) values[name] = [...((values[name] as string[] | undefined) ?? []), String(value)];
    else if (name.startsWith("no-") && flags[name] === undefined) setOnce(values, name.slice("no-".length), false);
    else setOnce(values, name, value);
  }
  if (positionals.length > max && !values.help) throw new UsageError(tooMany(positionals[max]!, max));
  return { values, positionals };
}

function setOnce(values: Record<string, Value>, name: string, value: Value): void {
  if (values[name] !== undefined) throw new UsageError(`The flag --${name} is given twice.`);
  values[name] = value;
}

function readValue({ rawName, value, inlineValue }: OptionToken, flag: Flag): Value {
  const { value: wanted, numeric, choices } = flag;
  if (wanted === undefined) {
    if (value !== undefined) throw new UsageError(`The flag ${rawName} takes no value.`);
    return true;
  }
  // With an unset variable, `--jwt "$UNSET"` has an empty value, and `--jwt $UNSET` takes the next flag as its value.
  const isFlag = !inlineValue && value !== undefined && /^-./.test(value);
  if (value === undefined || value === "" || isFlag) {
    throw new UsageError(`The flag ${rawName} needs a value: ${rawName}=<${wanted}>.`);
  }
  if (choices !== undefined) return chosen(rawName, choices, value);
  if (!numeric) return value;
  if (!/^[0-9]+(\.[0-9]+)?$/.test(value)) throw new UsageError(`The flag ${rawName} needs a number, not "${value}".`);
  return Number(value);
}

function chosen(name: string, choices: readonly (string | number)[], value: string): string | number {
  const choice = choices.find((each) => String(each) === value);
  if (choice !== undefined) return choice;
  const names = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  throw new UsageError(`The flag ${name} is ${names}, not "${value}".`);
}

function tooMany(argument: string, max: number): string {
  // A long argument, or one with an equals sign, can be a secret that slipped out of its flag: it is not repeated.
  const expected = max === 0 ? "takes no arguments" : `takes max ${max} argument${max === 1 ? "" : "s"}`;
  return argument.includes("=") || argument.length > 32
    ? `The command ${expected}.`
    : `The command ${expected}; "${argument}" is too many.`;
}
