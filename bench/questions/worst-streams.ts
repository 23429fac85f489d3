// How much memory can anonymous clients take?
//
// Clients of 100 addresses request streams that take as much memory as the defaults allow, one kind after the other:
// lists of long topics, of wide ones, of many short ones, and heads with 900 headers. A kind ends when the server
// refuses it from every address in a row. Streams with their own topics follow until 10,000 streams are open. The
// server has a heap of max 512 MB, and a server that ends is a fault. "promised" is the promise of the defaults for
// 10,000 streams: 256 MiB, and 20 KiB for each.

import { setTimeout } from "node:timers/promises";
import { residentMemory } from "../harness/process-memory.js";
import type { Question } from "../harness/question.js";
import { openWorst, type WorstKind } from "../harness/worst-client.js";
import { embedded, kit } from "../peers/kit.js";

const heapMegabytes = 512;
const promisedInAll = 256 * 2 ** 20;
const promisedPerStream = 20 * 2 ** 10;

const list = (stream: number, count: number, text: string) =>
  Array.from({ length: count }, (_, index) => `${stream}/${index}/${text}`);

const kinds: readonly WorstKind[] = [
  { topics: (stream) => list(stream, 200, "x".repeat(1200)) },
  { topics: (stream) => list(stream, 14, "漢".repeat(2000)) },
  { topics: (stream) => list(stream, 200, "x") },
  {
    headers: Array.from({ length: 900 }, (_, index) => `x${index}: 1\r\n`).join(""),
    topics: (stream) => list(stream, 1, ""),
  },
  { topics: (stream) => list(stream, 1, "") },
];

export const worstStreams: Question = {
  name: "worst-streams",
  asks: "10,000 streams of clients that want the server's memory",
  peers: [kit, embedded],
  columns: [
    { figure: "streams", title: "streams", digits: 0 },
    { figure: "refused", title: "refused", digits: 0 },
    { figure: "grown", title: "RSS MB", digits: 0 },
    { figure: "promised", title: "promised MB", digits: 0 },
  ],
  rounds: 1,

  async measure(peer, scale) {
    const server = await peer.start({ heapMegabytes });
    try {
      const empty = residentMemory(server.pids);
      const path = server.streamPath("").split("?", 1)[0]!;
      const { open, refused, close } = await openWorst(server.port, path, kinds, scale.count(10_000));
      await setTimeout(scale.seconds(5) * 1000);
      const grown = (residentMemory(server.pids) - empty) / 2 ** 20;
      const promised = (promisedInAll + open * promisedPerStream) / 2 ** 20;
      close();
      return [{ name: peer.name, figures: { streams: open, refused, grown, promised }, faults: [] }];
    } finally {
      await server.stop();
    }
  },

  // An application's own objects come on top of the promise.
  judge: (rows) => rows.atMostFigure("kit", "grown", "promised"),
};
