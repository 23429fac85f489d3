import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { PostgresServer, withoutPostgres } from "../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../support/redis.js";

/** A program that listens, or one that has ended. */
export interface Program {
  /** Undefined when it ended without listening. */
  readonly origin: string | undefined;
  readonly output: () => string;
  readonly complaints: () => string;
  /** Resolves when it has printed as many lines as a text has, or has ended. */
  printed(text: string): Promise<void>;
  /** Stops it with a signal, as an operator does; resolves to its exit code, null when the signal ended it. */
  end(): Promise<number | null>;
}

const anyPort = fileURLToPath(new URL("any-port.ts", import.meta.url));

/** The servers in the documentation. Tests give each program a server of its own. */
const redisUrl = "redis://localhost:6379";
const postgresUrl = "postgres://localhost/app";

/** Why a program of the documentation cannot run here; false if it can. */
export function cannotRun(code: string): string | false {
  return (code.includes(redisUrl) && withoutRedis) || (code.includes(postgresUrl) && withoutPostgres);
}

async function provideServers(t: TestContext, path: string): Promise<void> {
  const code = readFileSync(path, "utf8");
  const providers = [
    { url: redisUrl, start: () => RedisServer.start() },
    { url: postgresUrl, start: () => PostgresServer.start() },
  ];
  for (const { url, start } of providers) {
    if (!code.includes(url)) continue;
    const server = await start();
    t.after(() => server.stop());
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(url, server.url));
  }
}

/** Starts a TypeScript program, and waits until it listens or has ended. */
export async function start(t: TestContext, folder: string, file: string): Promise<Program> {
  await provideServers(t, join(folder, file));
  const { NODE_ENV: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), "--import", anyPort, file], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  const output = collect(child.stdout!);
  const complaints = collect(child.stderr!);
  const closed = once(child, "close") as Promise<[number | null]>;
  const listening = once(child, "message") as Promise<[{ port: number }]>;
  const origin = await Promise.race([
    listening.then(([{ port }]) => `http://127.0.0.1:${port}`),
    closed.then(() => undefined),
  ]);
  const end = async () => {
    if (isRunning(child)) child.kill("SIGTERM");
    return (await closed)[0];
  };
  const printed = async (text: string) => {
    const lines = text.trim().split("\n").length;
    while (output().split("\n").length <= lines && isRunning(child)) await new Promise(setImmediate);
  };
  return { origin, output, complaints, printed, end };
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

export function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return () => text;
}
