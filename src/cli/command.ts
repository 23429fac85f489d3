import type { OptionReader } from "../shared/option-reader.js";
import type { Flags } from "./command-line.js";

/** The part of the command line that a command reads. */
export interface Invocation {
  /** Reads flags by name, and falls back to the named environment variable. */
  readonly read: OptionReader;
  readonly positionals: readonly string[];
}

export interface Command {
  readonly name: string;
  /** The sentence that describes the command in the list of commands. */
  readonly summary: string;
  /** The text after the name in `Usage:`. */
  readonly usage: string;
  /** The rest of the help, below the summary. */
  readonly details?: string;
  readonly flags: Flags;
  /** The max number of positional arguments. */
  readonly positionals: number;
  /** Runs the command, and resolves to the exit code. */
  run(invocation: Invocation): Promise<number>;
}
