import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.js";
import { PostgresServer, withoutPostgres } from "../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../support/redis.js";
import { end, nextLine } from "../support/server-process.js";

const program = fileURLToPath(new URL("./hub-program.ts", import.meta.url));
const loader = new URL("../../scripts/typescript.mjs", import.meta.url).href;

export interface HubProcess {
  readonly child: ChildProcess;
  readonly origin: string;
}

/** The store of a test, and the function that ends it. */
export interface Store {
  readonly url: string;
  stop(): unknown;
}

export const stores = [
  {
    name: "LMDB",
    skip: false,
    // The end of a process shows that a node has ended, and a paused process keeps its streams.
    hasLease: false,
    async open(): Promise<Store> {
      const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-nodes-"));
      const stop = () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
      return { url: `lmdb:${folder}`, stop };
    },
  },
  {
    name: "Redis",
    skip: withoutRedis,
    hasLease: true,
    open: (): Promise<Store> => RedisServer.start(),
  },
  {
    name: "PostgreSQL",
    skip: withoutPostgres,
    hasLease: true,
    open: (): Promise<Store> => PostgresServer.start(),
  },
] as const;

/** Opens a store that ends after the test, and after the processes that {@link spawnNode} has started. */
export async function openStore(t: TestContext, open: () => Promise<Store>): Promise<[url: string, ChildProcess[]]> {
  const store = await open();
  const children: ChildProcess[] = [];
  t.after(async () => {
    for (const child of children) {
      await end(child, "SIGKILL");
    }
    await store.stop();
  });
  return [store.url, children];
}

/** Starts a program of TypeScript with its output as a pipe. */
export function spawnNode(
  path: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; stderr?: "inherit" | "pipe" } = {},
): ChildProcess {
  const { stderr = "inherit", ...more } = options;
  return spawn(process.execPath, ["--import", loader, path, ...args], { stdio: ["ignore", "pipe", stderr], ...more });
}

/** Opens a store, and returns the function that starts a node in a process of its own. All end after the test. */
export async function openCluster(
  t: TestContext,
  open: () => Promise<Store>,
  nodeTimeout: number,
): Promise<(port?: number) => Promise<HubProcess>> {
  const [url, children] = await openStore(t, open);
  return (port) => startHubAt(url, children, { nodeTimeout, port });
}

/** Starts a node in a process of its own. */
export async function startHubAt(
  url: string,
  children: ChildProcess[],
  { nodeTimeout, port, drainTimeout = 0 }: { nodeTimeout: number; port?: number | undefined; drainTimeout?: number },
): Promise<HubProcess> {
  const child = spawnNode(program, [url, `${nodeTimeout}`, `${port ?? (await freePort())}`, `${drainTimeout}`]);
  children.push(child);
  return { child, origin: await nextLine(child) };
}
