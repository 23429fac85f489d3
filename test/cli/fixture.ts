import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

/** The program that users run; `npm test` builds it. */
const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export const secret = "0123456789abcdef0123456789abcdef";

export interface CommandOptions {
  /** The whole environment, except PATH: tests must not see the machine's variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The text on the standard input. Default nothing. */
  readonly input?: string;
}

export interface Ending {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when the condition holds, and checks it at each output; rejects when the command ends before. */
  until(condition: () => boolean): Promise<void>;
  readonly ended: Promise<Ending>;
}

export function start(t: TestContext, args: readonly string[], options: CommandOptions = {}): Running {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: options.cwd ?? temporaryFolder(t),
    env: { PATH: process.env.PATH, ...options.env },
  });
  t.after(() => child.kill("SIGKILL"));
  child.stdin.on("error", () => {});
  child.stdin.end(options.input);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ending>((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (condition()) resolve();
      };
      child.stdout.on("data", check);
      child.stderr.on("data", check);
      child.once("close", () => reject(new Error(`ended: ${stdout}${stderr}`)));
      check();
    });
  return { child, stdout: () => stdout, stderr: () => stderr, until, ended };
}

export function run(t: TestContext, args: readonly string[], options?: CommandOptions): Promise<Ending> {
  return start(t, args, options).ended;
}

export interface RunningHub extends Running {
  readonly url: string;
}

/** Starts `htmx-mercure hub` on a free port. */
export async function startHub(
  t: TestContext,
  args: readonly string[] = [],
  options: CommandOptions = { env: { SECRET_KEY: secret } },
): Promise<RunningHub> {
  const running = start(t, ["hub", "--port", "0", ...args], options);
  await running.until(() => /^Hub: .*\n/m.test(running.stdout()));
  return { ...running, url: /^Hub: (.*)$/m.exec(running.stdout())![1]! };
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-cli-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
