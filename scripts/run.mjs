import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root; every script runs there, from any working directory. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Ends a script with one line that says what is wrong and how to fix it. */
export class Failure extends Error {}

/**
 * Runs a program to its end with this process's output streams, and rejects with a {@link Failure} unless it succeeds.
 */
export function run(command, args, { failure = `${command} ${args.join(" ")} failed.`, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], ...options });
    child.once("error", (cause) => reject(new Failure(`${failure} (${cause.message})`, { cause })));
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Failure(failure))));
  });
}

/** Runs a script's work and turns its failure into a readable line and an exit code. */
export async function main(work) {
  process.chdir(root);
  try {
    await work();
  } catch (error) {
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
