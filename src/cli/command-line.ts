import { type ParseArgsConfig, parseArgs } from "node:util";
import { didYouMean } from "../shared/nearest.js";
import { UsageError } from "./errors.js";

export interface Flag {
  /** What the help calls the flag's value; without it the flag is true when it is there. */
  readonly value?: string;
  /** Whether the value is a number; text otherwise. */
  readonly numeric?: boolean;
  /** Whether the flag may stand several times. */
  readonly multiple?: boolean;
  /** Whether `--no-<name>` turns it off. */
  readonly negatable?: boolean;
  /** The environment variable that stands in for it. */
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
 * Reads what stands after a command's name.
 *
 * @throws UsageError for what is unknown, given twice, without its value, or too much.
 */
export function readCommandLine(args: readonly string[], flags: Flags, most: number): CommandLine {
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
      throw new UsageError(`There is no flag ${token.rawName}.${didYouMean(token.rawName, names)}`);
    }
    const value = readValue(token, flag);
    if (flag.multiple) values[name] = [...((values[name] as string[] | undefined) ?? []), String(value)];
    else if (name.startsWith("no-") && flags[name] === undefined) setOnce(values, name.slice("no-".length), false);
    else setOnce(values, name, value);
  }
  if (positionals.length > most && !values.help) throw new UsageError(tooMany(positionals[most]!, most));
  return { values, positionals };
}

function setOnce(values: Record<string, Value>, name: string, value: Value): void {
  if (values[name] !== undefined) throw new UsageError(`The flag --${name} is given twice.`);
  values[name] = value;
}

function readValue({ rawName, value, inlineValue }: OptionToken, { value: wanted, numeric }: Flag): Value {
  if (wanted === undefined) {
    if (value !== undefined) throw new UsageError(`The flag ${rawName} takes no value.`);
    return true;
  }
  // An empty value is what `--jwt "$UNSET"` leaves, and the next flag what `--jwt $UNSET` does.
  const isFlag = !inlineValue && value !== undefined && /^-./.test(value);
  if (value === undefined || value === "" || isFlag) {
    throw new UsageError(`The flag ${rawName} needs a value: ${rawName}=<${wanted}>.`);
  }
  if (!numeric) return value;
  if (!/^[0-9]+(\.[0-9]+)?$/.test(value)) throw new UsageError(`The flag ${rawName} needs a number, not "${value}".`);
  return Number(value);
}

function tooMany(argument: string, most: number): string {
  // Not the argument itself, where a secret may have slipped out of its flag.
  const expected = most === 0 ? "takes no arguments" : `takes ${most} argument${most === 1 ? "" : "s"} at most`;
  return argument.includes("=") || argument.length > 32
    ? `The command ${expected}.`
    : `The command ${expected}: what is "${argument}"?`;
}
