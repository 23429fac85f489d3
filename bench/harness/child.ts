import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

export interface Child {
  /** What the announcement's pattern has captured. */
  readonly announced: string;
  readonly pids: readonly number[];
  /** Sends a signal, by default SIGKILL, and resolves when the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts a program, and waits until it has printed what the pattern captures.
 *
 * @throws Error when it ends before, with what it has said.
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
  let said = "";
  const announced = await new Promise<string>((resolve, reject) => {
    const listen = (chunk: string) => {
      said = (said + chunk).slice(-10_000);
      const found = announcement.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.setEncoding("utf8").on("data", listen);
    child.stderr.setEncoding("utf8").on("data", listen);
    child.once("error", reject);
    child.once("close", () => reject(new Error(`${program} ${args.join(" ")} has ended:\n${said}`)));
  });
  return {
    announced,
    pids: [child.pid!, ...childrenOf(child.pid!)],
    async stop(signal = "SIGKILL") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, "close");
      child.kill(signal);
      await closed;
    },
  };
}

/** Starts a script of Node, in TypeScript if it ends so. */
export function startNode(
  script: URL,
  args: readonly string[],
  announcement: RegExp,
  env: Record<string, string> = {},
): Promise<Child> {
  const loader = script.pathname.endsWith(".ts") ? ["--import", "tsx"] : [];
  return startChild(process.execPath, [...loader, script.pathname, ...args], announcement, env);
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}
