import { OptionReader } from "../shared/option-reader.js";
import type { Command } from "./command.js";
import { type Flags, readCommandLine } from "./command-line.js";
import { UsageError } from "./errors.js";
import { helpOf } from "./help.js";

const commonFlags: Flags = {
  // The name --env-file is unusable: Node 20 also looks for it among the arguments of programs.
  dotenv: { value: "path", help: "A file of environment variables. Default .env, if it exists." },
  help: { help: "Print this help." },
};

/** Runs a command with its arguments, and resolves to the exit code. */
export async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  const flags = { ...command.flags, ...commonFlags };
  const { values, positionals } = readCommandLine(args, flags, command.positionals);
  if (values.help) {
    console.log(helpOf({ ...command, flags }));
    return 0;
  }
  loadEnvironment(values.dotenv as string | undefined);
  return command.run({ read: new OptionReader(values, "--", process.env), positionals });
}

/** Loads variables from a file. Variables that are already set keep their values. */
function loadEnvironment(path: string | undefined): void {
  try {
    process.loadEnvFile(path ?? ".env");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (path === undefined && code === "ENOENT") return;
    throw new UsageError(`The file ${path ?? ".env"} cannot be read: ${message}.`);
  }
}
