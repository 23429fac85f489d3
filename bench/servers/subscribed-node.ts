// One of two nodes of an application over a store, in its own process. The arguments: the kind of the store, and its URL
// or folder. Prints its port. A request to /state answers with the figures of the process, and one to /people with all
// that the node says about the streams of the topic `room`.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { mercure } from "../../dist/index.js";
import { LmdbTransport } from "../../dist/transport/lmdb/lmdb.js";
import { PostgresTransport } from "../../dist/transport/postgres/postgres.js";
import { RedisTransport } from "../../dist/transport/redis/redis.js";
import { secret } from "../harness/token.js";

/** The figures of a node. */
export interface NodeState {
  /** The number of subscriptions that the node lists. */
  readonly listed: number;
  /** The number of ends that the node has heard. */
  readonly ends: number;
  /** The CPU time of the process, in microseconds. */
  readonly cpu: number;
  /** The heap and all else in memory, in bytes, after a collection of garbage. */
  readonly memory: number;
}

/** The answers of a node about the streams of the topic `room`. */
export interface People {
  readonly isConnected: boolean;
  readonly subscriptions: number;
  readonly present: number;
}

const [, , kind, url = ""] = process.argv;
const transport =
  kind === "redis"
    ? new RedisTransport({ url })
    : kind === "postgres"
      ? new PostgresTransport({ url })
      : new LmdbTransport({ path: url });
const { hub, sse } = mercure(express(), {
  transport,
  secret,
  presenceGrace: 0,
  hub: { maxConnectionsPerAddress: 0, keepaliveInterval: 0 },
});
let listed = 0;
let ends = 0;
hub.onSubscription(({ active }) => {
  listed += active ? 1 : -1;
});
transport.listen({
  update: ({ update }) => {
    if (update.data.includes('"active":false')) ends++;
  },
});
await hub.ready;

async function answerPeople(res: ServerResponse): Promise<void> {
  const people: People = {
    isConnected: await sse.isConnected("room"),
    subscriptions: (await sse.getSubscriptions("room")).length,
    present: sse.presence("room").length,
  };
  res.end(JSON.stringify(people));
}

const server = createServer((req, res) => {
  if (req.url === "/people") return void answerPeople(res);
  if (!req.url!.startsWith("/state")) return hub.handle(req, res);
  if (req.url === "/state?collect") globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const state: NodeState = { listed, ends, cpu: user + system, memory: process.memoryUsage.rss() };
  res.end(JSON.stringify(state));
});
server.listen(0, "127.0.0.1", 4096, () => console.log(`port ${(server.address() as AddressInfo).port}.`));
