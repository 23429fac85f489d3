// How much does a connection cost?
//
// 4,000 streams of one topic open and close, three times. At most 64 of them wait for the head of their answer. The
// first two rounds warm up the server, and the third is measured. The server's CPU time counts until all heads have
// arrived.

import { faultsOf, runLoad } from "../harness/load.js";
import type { Question } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

export const connectionRate: Question = {
  name: "connection-rate",
  asks: "4,000 streams that connect",
  peers: everyPeer,
  columns: [
    { figure: "cpu", title: "CPU/connect µs", digits: 1 },
    { figure: "rate", title: "connects/s", digits: 0 },
  ],

  async measure(peer, scale) {
    const server = await peer.start({});
    try {
      const load = { streams: scale.count(4000), pending: 64 };
      await runLoad(server, load);
      await runLoad(server, load);
      const report = await runLoad(server, load);
      const figures = {
        cpu: (report.cpuOpen * 1e6) / report.streams,
        rate: report.streams / report.openSeconds,
      };
      return [{ name: peer.name, figures, faults: faultsOf(report) }];
    } finally {
      await server.stop();
    }
  },

  // In an application the framework's own routing comes on top.
  judge: (rows) => rows.atMost("kit", "cpu", 1.5, "bare"),
};
