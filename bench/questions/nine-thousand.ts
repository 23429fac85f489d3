// How much does a steady stream of updates cost with many readers?
//
// 9,000 streams of one topic get 20 updates of 200 bytes a second: 180,000 deliveries a second. The rate does not
// depend on the server. A latency begins at the time when the update was due, so a server that cannot keep up shows it
// in its latencies and in its updates a second. The measurement takes 10 seconds, after 2 seconds of warming up.

import { fanOut, fanOutColumns } from "../harness/fan-out.js";
import type { Question } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

export const nineThousand: Question = {
  name: "nine-thousand",
  asks: "9,000 streams of one topic, 20 updates a second",
  peers: everyPeer,
  columns: fanOutColumns,

  async measure(peer, scale) {
    const duration = { warm: scale.seconds(2), seconds: scale.seconds(10), settle: 1, patience: 60 };
    return [await fanOut(peer, { streams: scale.count(9000), publishers: 4, rate: 20, ...duration })];
  },

  judge: (rows) => rows.atMost("kit", "cpu", 1.1, "floor"),
};
