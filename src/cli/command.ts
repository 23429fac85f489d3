import type { OptionReader } from "../shared/option-reader.js";
import type { Flags } from "./command-line.js";

/** What a command gets to see of its command line. */
export interface Invocation {
  /** Reads flags by their names, and the environment where a variable is named. */
  readonly read: OptionReader;
  readonly positionals: readonly string[];
}

export interface Command {
  readonly name: string;
  /** One sentence, for the list of commands. */
  readonly summary: string;
  /** What stands after the name in `Usage:`. */
  readonly usage: string;
  /** What else the help says, below the summary. */
  readonly details?: string;
  readonly flags: Flags;
  /** How many positional arguments there may be. */
  readonly positionals: number;
  /** Resolves to the exit code. */
  run(invocation: Invocation): Promise<number>;
}
