// How much does a history on disk cost?
//
// "fsync" appends 200 bytes to a file and waits for the disk, repeatedly. "lmdb" is LMDB's transport in a process: 16
// publishers in closed loops, with updates of 200 bytes in 8 topics. It also measures the time to find the position of
// an id among a thousand and a million updates. The hubs take updates of 16 publishers over HTTP. The reference hubs
// use Bolt, and do not wait for the disk. "slow disk": each write to the disk takes 5 ms longer, as in clouds.
// "replay": a client without any of 10,000 updates gets all of them, after another client has. "cold replay": the same
// for the first client of its topic.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode } from "../harness/child.js";
import { faultsOf, runLoad } from "../harness/load.js";
import type { Peer } from "../harness/peer.js";
import { peerWithoutServer } from "../harness/peer-without-server.js";
import type { Question, Row, Scale } from "../harness/question.js";
import { setDelay, slowDisk } from "../harness/slow-disk.js";
import { mercure0, mercure1 } from "../peers/mercure.js";
import { hubLmdb, hubMemory } from "../peers/stored.js";

const fsync = peerWithoutServer("fsync", "a loop that waits for the disk after each 200 bytes");
const lmdb = peerWithoutServer("lmdb", "LMDB's transport without a hub");
const references = [mercure0, mercure1];

export const durableHistory: Question = {
  name: "durable-history",
  asks: "updates on disk, look-ups among a million, and replay",
  peers: [fsync, lmdb, hubMemory, hubLmdb, ...references],
  columns: [
    { figure: "updates", title: "updates/s", digits: 0 },
    { figure: "updateCpu", title: "CPU/update µs", digits: 1 },
    { figure: "loop", title: "loop p99 ms", digits: 1 },
    { figure: "lookUp", title: "look-up µs", digits: 1 },
    { figure: "cpu", title: "CPU/delivery µs", digits: 2 },
  ],

  async measure(peer, scale) {
    if (peer === fsync) {
      const rows = [
        await measureInProcess("fsync", scale.seconds(2), "fsync"),
        await onSlowDisk((env) => measureInProcess("fsync", scale.seconds(2), "fsync, slow disk", env)),
      ];
      return rows.map((row) => ({
        ...row,
        figures: { ...row.figures, goal: Math.min(5000, 8 * row.figures.updates!) },
      }));
    }
    if (peer === lmdb) {
      const rows = [
        await measureInProcess("lmdb", scale.seconds(4), "lmdb"),
        await onSlowDisk((env) => measureInProcess("lmdb", scale.seconds(4), "lmdb, slow disk", env)),
      ];
      return [
        ...rows.map((row) => ({ ...row, figures: { ...row.figures, goal: row.figures.updates! } })),
        await measureInProcess("look-up", 1000, "lmdb, 1,000"),
        await measureInProcess("look-up", scale.count(1_000_000), "lmdb, 1,000,000"),
      ];
    }
    const published = await measurePublishing(peer, scale);
    return references.includes(peer) ? [published] : [published, ...(await measureReplay(peer, scale))];
  },

  judge: (rows) => [
    // 5,000 a second, or 8 times the loop if the disk is too slow for that.
    ...rows.atLeast("lmdb", "goal", 1, "fsync"),
    ...rows.atLeast("lmdb, slow disk", "goal", 1, "fsync, slow disk"),
    ...rows.below("lmdb", "loop", 10, "ms"),
    ...rows.below("lmdb, slow disk", "loop", 10, "ms"),
    ...rows.below("lmdb, 1,000,000", "lookUp", 100, "µs"),
    ...references.flatMap(({ name }) => rows.atLeast(hubLmdb.name, "updates", 1.2, name)),
    ...["replay", "cold replay"].flatMap((kind) =>
      rows.atMost(`${hubLmdb.name}, ${kind}`, "cpu", 4, `${hubMemory.name}, ${kind}`),
    ),
  ],
};

async function onSlowDisk(measure: (env: Record<string, string>) => Promise<Row>): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), "bench-slow-disk-"));
  const file = join(folder, "delay");
  setDelay(file, 5);
  try {
    return await measure(slowDisk(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measureInProcess(kind: string, amount: number, name: string, env = {}): Promise<Row> {
  const script = new URL("../servers/durable.ts", import.meta.url);
  const child = await startNode(script, [kind, String(amount)], /measured (\{.*\})\./, env);
  await child.stop();
  return { name, figures: JSON.parse(child.announced), faults: [] };
}

async function measurePublishing(peer: Peer, scale: Scale): Promise<Row> {
  const server = await peer.start({ history: 500 });
  try {
    const load = { streams: 0, publishers: 16, warm: scale.seconds(1), seconds: scale.seconds(4) };
    const report = await runLoad(server, load);
    const { cpu, published, seconds } = report;
    const figures = { updates: published / seconds, updateCpu: (cpu * 1e6) / published };
    return { name: peer.name, figures, faults: faultsOf(report, peer) };
  } finally {
    await server.stop();
  }
}

async function measureReplay(peer: Peer, scale: Scale): Promise<Row[]> {
  const updates = scale.count(10_000);
  const server = await peer.start({ history: updates });
  try {
    const topics = ["first", "second"];
    const faults: string[] = [];
    for (const topic of topics) {
      faults.push(...faultsOf(await runLoad(server, { streams: 0, publishers: 1, updates, topic })));
    }
    const replay = async (topic: string) => {
      const load = { streams: 1, expect: updates, streamHeaders: ["Last-Event-ID: earliest"], patience: 120, topic };
      const report = await runLoad(server, load);
      faults.push(...faultsOf(report));
      return { cpu: (report.cpu * 1e6) / report.delivered };
    };
    // The first topic warms up the code.
    await replay("first");
    const [cold, warm] = [await replay("second"), await replay("second")];
    return [
      { name: `${peer.name}, replay`, figures: warm, faults },
      { name: `${peer.name}, cold replay`, figures: cold, faults: [] },
    ];
  } finally {
    await server.stop();
  }
}
