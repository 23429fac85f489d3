import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../harness/child.js";
import type { Peer, Server, StartOptions } from "../harness/peer.js";
import { audience, authorization0, authorization1, issuer, secret } from "../harness/token.js";
import { mercurePaths } from "./mercure-paths.js";

export const mercure0: Peer = {
  name: "mercure-0",
  what: "the reference hub of Mercure 0.x",
  can: { history: true, patterns: ["uri-template"] },
  ordersDiffer: true,
  missing: () => whyMissing("MERCURE_0_BINARY"),
  start: (options) => start("MERCURE_0_BINARY", [], options, mercurePaths("topic", authorization0)),
};

export const mercure1: Peer = {
  name: "mercure-1",
  what: "the reference hub of Mercure 1.0",
  can: { history: true, patterns: ["url-pattern"] },
  ordersDiffer: true,
  missing: () => whyMissing("MERCURE_1_BINARY"),
  start: (options) =>
    start(
      "MERCURE_1_BINARY",
      ["-issuer", issuer, "-audience", audience],
      options,
      mercurePaths("match", authorization1),
    ),
};

function whyMissing(variable: string): string | undefined {
  return existsSync(process.env[variable] ?? "") ? undefined : `${variable} names no program`;
}

/** Starts the hub. It keeps history only in a file. */
async function start(
  variable: string,
  flags: readonly string[],
  { history }: StartOptions,
  paths: ReturnType<typeof mercurePaths>,
): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "bench-mercure-"));
  const bolt = history === undefined ? [] : ["-bolt", join(folder, "history.db")];
  const args = ["-addr", "127.0.0.1:0", "-key", secret, ...flags, ...bolt];
  const child = await startChild(process.env[variable]!, args, /listening on \S+:(\d+)/);
  return {
    port: Number(child.announced),
    pids: [child.pid],
    ...paths,
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
