// How fast is a history that several nodes share?
//
// Two nodes, each in its own process, share one server. First 16 publishers work in closed loops, with updates of 200
// bytes. Then one node publishes 100 updates a second to the other node's listener. Both nodes must receive all
// updates, in one order. PostgreSQL waits for its disk. "insert and NOTIFY" and "publish in a transaction" are
// transactions of 16 clients that insert a row. The first ones also notify by `pg_notify`, and the second ones publish
// by `mercure.publish`. They have no listeners.

import { PostgresServer, withoutPostgres } from "../../test/support/postgres-server.js";
import { RedisServer, withoutRedis } from "../../test/support/redis.js";
import { startNode } from "../harness/child.js";
import { peerWithoutServer } from "../harness/peer-without-server.js";
import type { Question, Row } from "../harness/question.js";

interface Measured {
  readonly count: number;
  readonly cpu: number;
  readonly heard: number;
  readonly order: string;
  readonly added: readonly number[];
}

const redis = peerWithoutServer("redis", "two nodes over Redis", withoutRedis);
const postgres = peerWithoutServer("postgres", "two nodes over PostgreSQL, and transactions", withoutPostgres);
const plain = "insert and NOTIFY";
const published = "publish in a transaction";

export const severalNodes: Question = {
  name: "several-nodes",
  asks: "two nodes over Redis and PostgreSQL, and publishing in transactions",
  peers: [redis, postgres],
  columns: [
    { figure: "updates", title: "updates/s", digits: 0 },
    { figure: "updateCpu", title: "CPU/update µs of both nodes", digits: 1 },
    { figure: "p50", title: "p50 ms", digits: 2 },
    { figure: "p99", title: "p99 ms", digits: 2 },
  ],

  async measure(peer, scale) {
    const seconds = scale.seconds(4);
    if (peer === redis) {
      const server = await RedisServer.start();
      try {
        return [await measureNodes("redis", server.url, seconds)];
      } finally {
        await server.stop();
      }
    }
    const server = await PostgresServer.start(["fsync=on"]);
    try {
      return [
        await measureNodes("postgres", server.url, seconds),
        await measureTransactions(plain, server.url, "select pg_notify('rows', left($1, 20))", seconds),
        await measureTransactions(published, server.url, "select mercure.publish(array['rows'], $1)", seconds),
      ];
    } finally {
      await server.stop();
    }
  },

  judge: (rows) => [
    ...rows.reaches("redis", "updates", 8000, "a second"),
    ...rows.below("redis", "p50", 3, "ms"),
    ...rows.reaches("postgres", "updates", 3000, "a second"),
    ...rows.atLeast(published, "updates", 0.6, plain),
  ],
};

async function measureNodes(kind: string, url: string, seconds: number): Promise<Row> {
  const script = new URL("../servers/shared-node.ts", import.meta.url);
  const args = [kind, url, "8", String(seconds)];
  const children = await Promise.all([0, 1].map(() => startNode(script, args, /measured (\{.*\})\./)));
  const [a, b] = children.map(({ announced }) => JSON.parse(announced) as Measured) as [Measured, Measured];
  await Promise.all(children.map((child) => child.stop()));
  const count = a.count + b.count;
  const times = [...a.added, ...b.added];
  const at = (share: number) => times[Math.floor(times.length * share)]!;
  const faults: string[] = [];
  if (a.heard !== count || b.heard !== count) faults.push(`${a.heard} and ${b.heard} of ${count} updates heard`);
  if (a.order !== b.order) faults.push("the orders differ");
  const figures = { updates: count / seconds, updateCpu: (a.cpu + b.cpu) / count, p50: at(0.5), p99: at(0.99) };
  return { name: kind, figures, faults };
}

async function measureTransactions(name: string, url: string, statement: string, seconds: number): Promise<Row> {
  const script = new URL("../servers/transactions.ts", import.meta.url);
  const child = await startNode(script, [url, statement, String(seconds)], /measured (\{.*\})\./);
  await child.stop();
  return { name, figures: JSON.parse(child.announced), faults: [] };
}
