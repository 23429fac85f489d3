// One of two nodes over a store, in its own process. The arguments: the kind of the store, its URL, the number of
// publishers, the number of seconds.
//
// Once both nodes are there, their publishers publish in closed loops, updates of 200 bytes in 8 topics. Afterwards one
// node publishes 100 updates a second, and the other one measures the time until its listener is called. Prints the
// result as JSON.

import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { PostgresTransport } from "../../dist/transport/postgres/postgres.js";
import { RedisTransport } from "../../dist/transport/redis/redis.js";
import { data, publishInLoops } from "./publish-loops.js";

const [kind, url, publishers, seconds] = [
  process.argv[2],
  process.argv[3]!,
  Number(process.argv[4]),
  Number(process.argv[5]),
];
const pacedSeconds = Math.max(1, seconds / 2);
const now = () => Number(process.hrtime.bigint()) / 1e6;

const transport = kind === "redis" ? new RedisTransport({ url }) : new PostgresTransport({ url });
await transport.ready;
const { nodes } = transport;
const order = createHash("sha256");
const times: number[] = [];
let heard = 0;
transport.listen({
  update: ({ position, update }) => {
    if (update.topics[0] === "paced") times.push(now() - Number(update.data));
    else if (update.data === data) {
      heard++;
      order.update(`${position} `);
    }
  },
});

/** Waits until both nodes have reached a step. Returns the text of each. */
async function together(step: string, text = "here"): Promise<string[]> {
  nodes.tell(`bench/${step}`, text);
  for (;;) {
    const told = [...nodes.entries(`bench/${step}`)].map(([, , value]) => value);
    if (told.length === 2) return told;
    await wait(5);
  }
}

await together("begin");
const { count, cpu } = await publishInLoops(transport, publishers, seconds);
const counts = await together("published", String(count));
const published = counts.reduce((sum, each) => sum + Number(each), 0);
while (heard < published) await wait(5);

// The node with the smaller name publishes; the other one measures.
const [first] = [...nodes.entries("bench/begin")].map(([node]) => node).sort();
if (first === nodes.self) {
  for (let i = 0; i < 100 * pacedSeconds; i++) {
    await transport.publish({ topics: ["paced"], data: String(now()), private: false });
    await wait(10);
  }
}
await together("end");
const added = first === nodes.self ? [] : times.toSorted((a, b) => a - b);
const result = { count, cpu, heard, order: order.digest("hex"), added };
// No node may leave before the other one has reached this point. The benchmark ends both.
setInterval(() => {}, 60_000);
console.log(`measured ${JSON.stringify(result)}.`);
