// Does an update cost more when others subscribe to other topics?
//
// 10,000 topics have one stream each, and one publisher in a closed loop takes the topics in turn. Beside it, another
// server has one topic with one stream. In both cases an update is one delivery. The measurement takes 3 seconds of the
// server's CPU time, after 2 seconds of warming up.

import { fanOut, fanOutColumns } from "../harness/fan-out.js";
import type { Question } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

const alone = (name: string) => `${name}, 1 topic`;

export const tenThousandTopics: Question = {
  name: "ten-thousand-topics",
  asks: "10,000 topics with one stream each, one publisher in a closed loop",
  peers: everyPeer,
  columns: [{ figure: "updateCpu", title: "CPU/update µs", digits: 1 }, ...fanOutColumns.slice(1)],

  async measure(peer, scale) {
    const load = { publishers: 1, warm: scale.seconds(2), seconds: scale.seconds(3), settle: 1 };
    const topics = scale.count(10_000);
    const one = await fanOut(peer, { ...load, streams: 1 });
    return [await fanOut(peer, { ...load, streams: topics, channels: topics }), { ...one, name: alone(peer.name) }];
  },

  judge: (rows) => ["kit", "embedded"].flatMap((row) => rows.atMost(row, "updateCpu", 2, alone(row))),
};
