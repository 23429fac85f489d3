import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { secret } from "./application.js";

const { MERCURE_0_BINARY: binary } = process.env;

/** Why tests against the reference hub are skipped; false where they run. */
export const withoutReferenceHub =
  binary !== undefined && existsSync(binary) ? false : "MERCURE_0_BINARY names no program";

export interface ReferenceHub {
  readonly url: string;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again at the same address. */
  start(): Promise<void>;
}

/** The reference hub of Mercure 0.x in a process of its own, with history in a file unless that is turned off. */
export async function referenceHub(
  t: TestContext,
  { history = true, flags = [] as string[] } = {},
): Promise<ReferenceHub> {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-hub-"));
  let address = "127.0.0.1:0";
  let child: ChildProcess;
  const start = async () => {
    const bolt = history ? ["-bolt", join(folder, "history.db")] : [];
    child = spawn(binary!, ["-addr", address, "-key", secret, ...bolt, ...flags], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    child.stdout!.setEncoding("utf8");
    const [line] = (await once(child.stdout!, "data")) as [string];
    address = /listening on (\S+)/.exec(line)![1]!;
  };
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  };
  t.after(async () => {
    await kill();
    rmSync(folder, { recursive: true });
  });
  await start();
  return { url: `http://${address}/.well-known/mercure`, kill, start };
}
