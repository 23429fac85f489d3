// How many updates can be delivered when many publish?
//
// 1,000 streams of one topic, and 16 publishers. Each publisher sends the next update of 200 bytes after the answer to
// its last. A server can batch the updates of one turn of the event loop. The measurement takes 4 seconds of the
// server's CPU time, after 1.5 seconds of warming up.

import { fanOut, fanOutColumns, sixteenLoops } from "../harness/fan-out.js";
import type { Question } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

export const sixteenPublishers: Question = {
  name: "sixteen-publishers",
  asks: "1,000 streams of one topic, 16 publishers in closed loops",
  peers: everyPeer,
  columns: fanOutColumns,

  measure: async (peer, scale) => [await fanOut(peer, sixteenLoops(scale, 1000))],

  judge: (rows) => [
    ...rows.atLeast("kit", "deliveries", 10, "nchan"),
    ...rows.atLeast("kit", "deliveries", 10, "bare"),
    ...rows.atLeast("kit", "deliveries", 7, "mercure-0"),
    ...rows.atLeast("kit", "deliveries", 7, "mercure-1"),
    ...rows.atMost("kit", "p99", 0.25, "nchan"),
  ],
};
