// How much do patterns cost that do not match?
//
// 1,000 streams each have a different pattern, which matches one channel's topics. One publisher in a closed loop takes
// the channels in turn. "same topics": each channel has one topic, so a hub can cache the matching patterns. "new
// topics": every update has a new topic, so each pattern must be matched. "exact": the same streams by the names of
// their topics. Peers without patterns are left out. The measurement takes 3 seconds of the server's CPU time, after
// one update for every channel and a second one for some.

import { fanOut, fanOutColumns } from "../harness/fan-out.js";
import type { Peer } from "../harness/peer.js";
import type { Question } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

const topicOf = { same: "https://example.com/{n}/items/1", new: "https://example.com/{n}/items/{s}" };

const patterns = {
  "uri-template": "https://example.com/{n}/items/{id}",
  "url-pattern": "https://example.com/{n}/items/:id",
};

/** The names of the rows. */
function rowOf(peer: string, kind: keyof typeof patterns | "exact", topics: "same" | "new"): string {
  return kind === "exact" ? `${peer}, exact` : `${peer}, ${kind}, ${topics} topics`;
}

export const urlPatterns: Question = {
  name: "url-patterns",
  asks: "1,000 streams with a pattern each, one publisher in a closed loop",
  peers: everyPeer.filter(({ can }) => can?.patterns !== undefined),
  columns: [{ figure: "updateCpu", title: "CPU/update µs", digits: 1 }, ...fanOutColumns.slice(1)],

  async measure(peer: Peer, scale) {
    const streams = scale.count(1000);
    const warmUpdates = Math.ceil(streams * 1.25);
    const measured = { publishers: 1, warmUpdates, seconds: scale.seconds(3), settle: 1 };
    const load = { ...measured, streams, channels: streams };
    const rows = [
      { ...(await fanOut(peer, { ...load, topic: topicOf.same })), name: rowOf(peer.name, "exact", "same") },
    ];
    for (const kind of peer.can?.patterns ?? []) {
      for (const topics of ["same", "new"] as const) {
        const row = await fanOut(peer, { ...load, topic: topicOf[topics], pattern: { kind, text: patterns[kind] } });
        rows.push({ ...row, name: rowOf(peer.name, kind, topics) });
      }
    }
    return rows;
  },

  judge: (rows) =>
    ["kit", "embedded"].flatMap((peer) =>
      (["uri-template", "url-pattern"] as const).flatMap((kind) =>
        rows.atMost(rowOf(peer, kind, "same"), "updateCpu", 2, rowOf(peer, "exact", "same")),
      ),
    ),
};
