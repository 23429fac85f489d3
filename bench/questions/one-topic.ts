// What does a delivery cost when one update goes to many?
//
// 1,000 streams of one topic, and one publisher who sends the next update of 200 bytes when the last is answered. So
// nothing can be put together: each update is a write for each stream. Measured for 5 seconds of the server's CPU time
// after 5 of warming up, and until the last update has arrived everywhere: some hundred updates a second are too few for
// Node to have compiled in less what handles one. Rows differ by less than the machine does from one moment to the next, so
// there are seven rounds.

import { fanOut, fanOutColumns } from "../harness/fan-out.js";
import type { Question } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

export const oneTopic: Question = {
  name: "one-topic",
  asks: "1,000 streams of one topic, one publisher in a closed loop",
  peers: everyPeer,
  columns: fanOutColumns,
  rounds: 7,

  async measure(peer, scale) {
    const load = {
      streams: scale.count(1000),
      publishers: 1,
      warm: scale.seconds(5),
      seconds: scale.seconds(5),
      settle: 1,
    };
    return [await fanOut(peer, load)];
  },

  judge: (rows) => [
    ...rows.atMost("kit", "cpu", 1.1, "floor"),
    ...rows.atMost("kit", "cpu", 0.9, "bare"),
    ...rows.atMost("kit", "cpu", 0.5, "better-sse"),
    ...rows.atMost("kit", "cpu", 1, "nchan"),
  ],
};
