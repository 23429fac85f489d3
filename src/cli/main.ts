#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { MercureError } from "../shared/errors.js";
import { didYouMean } from "../shared/nearest.js";
import { packageFolder } from "../shared/package-folder.js";
import type { Command } from "./command.js";
import { CommandError, UsageError } from "./errors.js";
import { genSecretKeyCommand } from "./gen-secret-key-command.js";
import { overviewOf } from "./help.js";
import { hubCommand } from "./hub-command.js";
import { publishCommand } from "./publish-command.js";
import { runCommand } from "./run-command.js";
import { schemaCommand } from "./schema-command.js";
import { subscribeCommand } from "./subscribe-command.js";
import { subscriptionsCommand } from "./subscriptions-command.js";
import { tokenCommand } from "./token-command.js";

const commands: readonly Command[] = [
  hubCommand,
  publishCommand,
  subscribeCommand,
  subscriptionsCommand,
  tokenCommand,
  genSecretKeyCommand,
  schemaCommand,
];

async function main([name, ...args]: readonly string[]): Promise<number> {
  // `htmx-mercure help hub` works as with other programs.
  if (name === "help" && args.length > 0) return main([args[0]!, "--help"]);
  if (name === "--help" || name === "-h" || name === "help") return print(overviewOf(commands));
  if (name === "--version") return print(version());
  const command = commands.find((each) => each.name === name);
  if (command !== undefined) return runCommand(command, args);
  if (name === undefined) {
    console.error(overviewOf(commands));
    return 2;
  }
  const names = commands.map((each) => each.name);
  throw new UsageError(`Unknown command ${JSON.stringify(name)}.${didYouMean(name, names)}`);
}

function print(text: string): number {
  console.log(text);
  return 0;
}

function version(): string {
  return JSON.parse(readFileSync(packageFolder("package.json"), "utf8")).version as string;
}

/** Returns 2 when the command line or the environment is invalid, so that a retry cannot help, and 1 otherwise. */
function exitCodeOf(error: unknown): number {
  return error instanceof UsageError || (error instanceof MercureError && error.code === "ERR_OPTION") ? 2 : 1;
}

/** Returns whether the message is a complete explanation. System errors, such as a missing file, explain themselves. */
function isExplained(error: unknown): error is Error {
  const isOurs = error instanceof UsageError || error instanceof CommandError || error instanceof MercureError;
  return isOurs || (error instanceof Error && "syscall" in error);
}

function complain(error: unknown): void {
  if (!isExplained(error)) {
    console.error("htmx-mercure: unexpected error. Please report it.", error);
    return;
  }
  const hint =
    error instanceof UsageError
      ? "\nhtmx-mercure --help lists the commands; htmx-mercure <command> --help lists its flags."
      : "";
  console.error(`htmx-mercure: ${error.message}${hint}`);
}

// Flags can hold secrets, and every user of the machine can read the arguments of its processes.
process.title = "htmx-mercure";

// In `htmx-mercure subscribe … | head -1` the reader closes the pipe when it has enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    complain(error);
    process.exitCode = exitCodeOf(error);
  },
);
