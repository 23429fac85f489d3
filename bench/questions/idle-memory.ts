// How much does an idle stream cost?
//
// 9,000 streams of one topic open, and the server's resident memory is read 5 seconds later, less that of the empty
// process. Rows with TLS are servers of their own, and their streams use HTTP/1.1 over it.

import { setTimeout } from "node:timers/promises";
import { runLoad } from "../harness/load.js";
import type { Peer } from "../harness/peer.js";
import { residentMemory } from "../harness/process-memory.js";
import type { Question, Row, Scale } from "../harness/question.js";
import { makeCertificate, openTlsStreams } from "../harness/tls.js";
import { everyPeer } from "../peers/all.js";

const topic = "topics/0";

export const idleMemory: Question = {
  name: "idle-memory",
  asks: "9,000 idle streams",
  peers: everyPeer,
  columns: [
    { figure: "memory", title: "RSS/stream KB", digits: 1 },
    { figure: "empty", title: "empty process MB", digits: 1 },
  ],

  async measure(peer, scale) {
    return [await measurePlain(peer, scale), ...(peer.can?.tls ? [await measureTls(peer, scale)] : [])];
  },

  // In an application the framework's own objects come on top.
  judge: (rows) => rows.below("kit", "memory", 12, "KB"),
};

function rowOf(name: string, streams: number, empty: number, open: number): Row {
  return { name, figures: { memory: (open - empty) / 1024 / streams, empty: empty / 2 ** 20 }, faults: [] };
}

async function measurePlain(peer: Peer, scale: Scale): Promise<Row> {
  const server = await peer.start({});
  try {
    const report = await runLoad(server, { streams: scale.count(9000), settle: scale.seconds(5), topic });
    return rowOf(peer.name, report.streams, report.memoryEmpty, report.memoryOpen);
  } finally {
    await server.stop();
  }
}

async function measureTls(peer: Peer, scale: Scale): Promise<Row> {
  const certificate = makeCertificate();
  const streams = scale.count(9000);
  const server = await peer.start({ tls: certificate });
  try {
    const empty = residentMemory(server.pids);
    const close = await openTlsStreams(server.port, server.streamPath(topic), streams);
    await setTimeout(scale.seconds(5) * 1000);
    const open = residentMemory(server.pids);
    close();
    return rowOf(`${peer.name}, TLS`, streams, empty, open);
  } finally {
    await server.stop();
    certificate.remove();
  }
}
