import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Child {
  /** The captures of the announcement's pattern. */
  readonly announced: string;
  readonly pid: number;
  /** Resolves with the captures of a pattern in its output, earlier output included. */
  said(pattern: RegExp): Promise<string>;
  /** Sends a signal, by default SIGKILL, and resolves when the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

/**
 * Starts a program, and waits until it has printed text that the pattern matches.
 *
 * @throws Error with its output if it ends before.
 */
export async function startChild(
  program: string,
  args: readonly string[],
  announcement: RegExp,
  env: Record<string, string> = {},
): Promise<Child> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_ENV: "production", ...env },
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let printed = "";
  const said = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(printed)?.[1];
        if (found !== undefined) resolve(found);
      };
      look();
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      child.once("error", reject);
      child.once("close", () => reject(new Error(`${program} ${args.join(" ")} has ended:\n${printed}`)));
    });
  const remember = (chunk: string) => {
    printed = (printed + chunk).slice(-10_000);
  };
  child.stdout.setEncoding("utf8").on("data", remember);
  child.stderr.setEncoding("utf8").on("data", remember);
  return {
    announced: await said(announcement),
    pid: child.pid!,
    said,
    async stop(signal = "SIGKILL") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, "close");
      child.kill(signal);
      await closed;
    },
  };
}

/** Starts a script of Node, in TypeScript if its name ends so. */
export function startNode(
  script: URL,
  args: readonly string[],
  announcement: RegExp,
  env: Record<string, string> = {},
): Promise<Child> {
  const loader = script.pathname.endsWith(".ts") ? ["--import", "tsx"] : [];
  return startChild(process.execPath, [...loader, script.pathname, ...args], announcement, env);
}
