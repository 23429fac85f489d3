// How much does a delivery from history cost?
//
// "replay": 10,000 updates of 200 bytes are published. Then 100 clients without any of them connect, and each gets all.
// "live": the same streams are open while one publisher in a closed loop publishes the same updates, so that each
// update is a separate write. "catch-up": 100 streams read nothing while 3,000 updates are published, fast, and then
// read all. A hub keeps streams that are this little behind. Both halves are measured. Each mode has its own server,
// which is warmed up. Peers without history are left out.

import { faultsOf, type Load, type LoadReport, runLoad } from "../harness/load.js";
import type { Peer } from "../harness/peer.js";
import type { Question, Row } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

/** The query of a returning browser, here from the beginning of history. */
const fromTheBeginning = ["Last-Event-ID: earliest"];

export const replay: Question = {
  name: "replay",
  asks: "10,000 updates for 100 streams, from history and live",
  peers: everyPeer.filter(({ can }) => can?.history),
  columns: [
    { figure: "cpu", title: "CPU/delivery µs", digits: 2 },
    { figure: "deliveries", title: "deliveries/s", digits: 0 },
  ],

  async measure(peer, scale) {
    const updates = scale.count(10_000);
    const streams = 100;
    const live = { streams, publishers: 1, updates, warmUpdates: scale.count(1000) };
    return [
      await measureReplay(peer, updates, streams),
      await measureLoad(peer, "live", live),
      await measureLoad(peer, "catch-up", { ...live, updates: 3000, warmUpdates: 3000, deaf: true }),
    ];
  },

  judge: (rows) =>
    ["kit", "embedded"].flatMap((row) => [
      ...rows.atMost(`${row}, replay`, "cpu", 1, `${row}, live`),
      ...rows.atMost(`${row}, catch-up`, "cpu", 1, `${row}, live`),
    ]),
};

async function measureReplay(peer: Peer, updates: number, streams: number): Promise<Row> {
  const server = await peer.start({ history: updates });
  try {
    const published = await runLoad(server, { streams: 0, publishers: 1, updates });
    const load = { streams, expect: updates, streamHeaders: fromTheBeginning, patience: 120 };
    await runLoad(server, { ...load, streams: streams / 10 });
    const report = await runLoad(server, load);
    return { ...rowOf(peer, "replay", report), faults: [...faultsOf(published), ...faultsOf(report)] };
  } finally {
    await server.stop();
  }
}

async function measureLoad(peer: Peer, name: string, load: Load): Promise<Row> {
  const server = await peer.start({ history: (load.updates ?? 0) + (load.warmUpdates ?? 0) });
  try {
    return rowOf(peer, name, await runLoad(server, load));
  } finally {
    await server.stop();
  }
}

function rowOf(peer: Peer, name: string, report: LoadReport): Row {
  const { cpu, delivered, seconds } = report;
  const figures = { cpu: (cpu * 1e6) / delivered, deliveries: delivered / seconds };
  return { name: `${peer.name}, ${name}`, figures, faults: faultsOf(report) };
}
