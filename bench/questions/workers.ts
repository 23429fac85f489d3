// How much does a stream cost when several processes serve it?
//
// The library's hub runs with 1, 2 and 4 processes that share a folder of LMDB. There are 500 streams of one topic, and
// 16 publishers in closed loops with updates of 200 bytes. No update may be lost and no stream closed. Each delivery
// costs CPU time of all processes. On a machine with few cores more processes are slower, because fewer updates share a
// turn.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode } from "../harness/child.js";
import { fanOut, fanOutColumns, sixteenLoops } from "../harness/fan-out.js";
import type { Peer } from "../harness/peer.js";
import type { Question } from "../harness/question.js";
import { authorization0, secret } from "../harness/token.js";
import { mercurePaths } from "../peers/mercure-paths.js";

const hubOf = (count: number): Peer => ({
  name: `workers-${count}`,
  what: `the library's hub with ${count} processes over LMDB`,
  async start() {
    const folder = mkdtempSync(join(tmpdir(), "bench-workers-"));
    const main = new URL("../../dist/cli/main.js", import.meta.url);
    const args = ["hub", "--port=0", "--no-monitor", `--transport=lmdb:${folder}`, `--workers=${count}`];
    const child = await startNode(main, args, /Hub: http:\/\/127\.0\.0\.1:(\d+)\//, { SECRET_KEY: secret });
    return {
      port: Number(child.announced),
      pids: [child.pid, ...childrenOf(child.pid)],
      async stop() {
        await child.stop("SIGTERM");
        rmSync(folder, { recursive: true });
      },
      ...mercurePaths("topic", authorization0),
    };
  },
});

/** Returns the processes that a process has started. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

export const workers: Question = {
  name: "workers",
  asks: "500 streams of one topic, served by 1, 2 and 4 processes",
  peers: [1, 2, 4].map(hubOf),
  columns: fanOutColumns,

  measure: async (peer, scale) => [await fanOut(peer, sixteenLoops(scale, 500))],

  judge: () => [],
};
