// How much do streams cost if their clients read nothing?
//
// 100 streams of a topic read, and 2,000 read nothing after the head. One publisher in a closed loop sends updates of
// 10,000 bytes. The first 600 updates fill the history and the system's buffer of each socket. The segments are as
// short as a network's, because the loopback's long ones would hold up to 4 MB. The next 1,000 updates are measured.
// "none stalled": the same without the 2,000 streams. Memory is the server's resident memory. "growth" is its max minus
// its value when all streams were open. "later growth" is the part after the sockets were full, which would continue. A
// process also grows by itself, so the difference from "none stalled" counts. A server that grows by 4 GiB is stopped.

import { faultsOf, runLoad } from "../harness/load.js";
import type { Peer } from "../harness/peer.js";
import type { Question, Row, Scale } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

const quiet = (name: string) => `${name}, none stalled`;

export const stalled: Question = {
  name: "stalled",
  asks: "2,000 stalled streams and 100 that read, one publisher in a closed loop",
  peers: everyPeer,
  columns: [
    { figure: "updateCpu", title: "CPU/update µs", digits: 0 },
    { figure: "updates", title: "updates/s", digits: 0 },
    { figure: "p50", title: "p50 ms", digits: 2 },
    { figure: "p99", title: "p99 ms", digits: 2 },
    { figure: "growth", title: "growth MB", digits: 0 },
    { figure: "later", title: "later growth MB", digits: 0 },
  ],

  async measure(peer, scale) {
    return [
      await measureStalled(peer, peer.name, scale, scale.count(2000)),
      await measureStalled(peer, quiet(peer.name), scale, 0),
    ];
  },

  judge: (rows) =>
    ["kit", "embedded"].flatMap((row) => [
      ...rows.above(row, "growth", 32, "MB", quiet(row)),
      ...rows.above(row, "later", 32, "MB", quiet(row)),
      ...rows.atMost(row, "updateCpu", 1.25, quiet(row)),
      ...rows.atMost(row, "p99", 1.25, quiet(row)),
    ]),
};

async function measureStalled(peer: Peer, name: string, scale: Scale, count: number): Promise<Row> {
  const server = await peer.start({});
  try {
    const updates = {
      size: 10_000,
      warmUpdates: scale.count(600),
      updates: scale.count(1000),
      memoryLimit: 4 * 2 ** 30,
    };
    const report = await runLoad(server, {
      streams: 100,
      stalled: count,
      publishers: 1,
      settle: 1,
      patience: 60,
      ...updates,
    });
    const { cpu, published, seconds, p50, p99, memoryOpen, memoryWarm, memoryMost } = report;
    const figures = {
      updateCpu: (cpu * 1e6) / published,
      updates: published / seconds,
      p50: p50 / 1e6,
      p99: p99 / 1e6,
      growth: (memoryMost - memoryOpen) / 2 ** 20,
      later: (memoryMost - memoryWarm) / 2 ** 20,
    };
    return { name, figures, faults: faultsOf(report) };
  } finally {
    await server.stop();
  }
}
