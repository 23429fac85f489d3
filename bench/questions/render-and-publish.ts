// How much does it cost an application to render a component and to publish it?
//
// An application renders a component of ten elements and publishes it to the hub in the same process, 20,000 times: to
// no stream, and to one that verifies all updates. The CPU time of the process is measured over the second half. "bare"
// renders the same template with Nunjucks alone and writes it to each response itself.

import { startNode } from "../harness/child.js";
import { faultsOf, runLoad } from "../harness/load.js";
import type { Peer } from "../harness/peer.js";
import type { Question, Row, Scale } from "../harness/question.js";
import { secret } from "../harness/token.js";
import { bare } from "../peers/bare.js";
import { embedded } from "../peers/kit.js";

const kinds: Readonly<Record<string, string>> = { [embedded.name]: "kit", [bare.name]: "bare" };

export const renderAndPublish: Question = {
  name: "render-and-publish",
  asks: "a component of ten elements, rendered and published in one process",
  peers: [embedded, bare],
  columns: [{ figure: "cpu", title: "CPU/update µs", digits: 1 }],

  async measure(peer, scale) {
    return [await measureRendering(peer, scale, 0), await measureRendering(peer, scale, 1)];
  },

  judge: (rows) => [0, 1].flatMap((streams) => rows.below(rowOf(embedded.name, streams), "cpu", 50, "µs")),
};

function rowOf(peer: string, streams: number): string {
  return `${peer}, ${streams === 1 ? "1 stream" : "no stream"}`;
}

async function measureRendering(peer: Peer, scale: Scale, streams: number): Promise<Row> {
  const updates = scale.count(20_000);
  const script = new URL("../servers/render.ts", import.meta.url);
  const child = await startNode(script, [kinds[peer.name]!, `${updates}`, `${streams}`], /listening on port (\d+)\./, {
    SECRET_KEY: secret,
  });
  try {
    const server = {
      port: Number(child.announced),
      pids: [child.pid],
      streamPath: () => "/stream",
      publishing: () => ({ path: "/", body: "" }),
      publishHeaders: [],
      stop: child.stop,
    };
    const verified = streams > 0 ? await runLoad(server, { streams, expect: updates, size: 0 }) : undefined;
    const cpu = Number(await child.said(/one takes (\S+) microseconds\./));
    return { name: rowOf(peer.name, streams), figures: { cpu }, faults: verified ? faultsOf(verified) : [] };
  } finally {
    await child.stop();
  }
}
