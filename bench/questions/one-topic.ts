// How much does a delivery cost when one update goes to many?
//
// 1,000 streams of one topic, and one publisher that sends the next update of 200 bytes after the answer to the last.
// The hub can therefore batch nothing: each update is a write for each stream. The measurement takes 5 seconds of the
// server's CPU time and lasts until the last update has arrived at every stream. Warming up takes 5 seconds, because
// Node compiles the code more slowly at a few hundred updates a second. The machine varies more from one moment to the
// next than rows differ, so there are seven rounds.

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
