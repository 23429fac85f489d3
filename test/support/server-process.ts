import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { until } from "./until.js";

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/**
 * Waits until the process of a server answers.
 *
 * @param isReady - May reject while nothing listens.
 * @param log - The path of the server's log file.
 * @throws Error if the process ends before, as when its port is in use. Its message has the end of the log.
 */
export async function untilReady(child: ChildProcess, isReady: () => Promise<unknown>, log = ""): Promise<void> {
  await until(async () => hasEnded(child) || (await isReady().catch(() => false)));
  if (!hasEnded(child)) return;
  const lines = existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n").slice(-5) : [];
  throw new Error([`${child.spawnargs.join(" ")} has ended with ${child.exitCode}`, ...lines].join("\n"));
}

/** Ends a process, and waits until it is gone. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

/**
 * Returns the next line that a process prints.
 *
 * @throws Error if its output ends before.
 */
export async function nextLine(child: ChildProcess): Promise<string> {
  const lines = createInterface(child.stdout!);
  const line = once(lines, "line").then(([text]) => text as string);
  const ended = once(lines, "close").then(() => {
    throw new Error(`${child.spawnargs.join(" ")} has ended before it printed a line`);
  });
  return Promise.race([line, ended]);
}
