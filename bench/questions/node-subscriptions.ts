// How much do the subscriptions of other nodes cost?
//
// Two nodes, each in its own process, share one store. Each opens 10,000 streams, 100 of a topic, and lists those of
// both. Then a further stream begins and ends at the first node, 500 times. The measured time ends when the other node
// reports the change in its web API, isConnected, getSubscriptions and presence, and includes the requests for these
// answers. Then 500 further streams begin and end at the first node. The other node's CPU time is the cost of receiving
// 1,000 announcements, and the first node's includes the requests. Finally, the first node is killed.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { PostgresServer, withoutPostgres } from "../../test/support/postgres-server.js";
import { RedisServer, withoutRedis } from "../../test/support/redis.js";
import { type Child, startChild, startNode } from "../harness/child.js";
import { openStream, openStreams } from "../harness/open-streams.js";
import { peerWithoutServer } from "../harness/peer-without-server.js";
import type { Question, Row, Scale } from "../harness/question.js";
import { authorizationOfPerson } from "../harness/token.js";
import type { NodeState, People } from "../servers/subscribed-node.js";

const lmdb = peerWithoutServer("nodes-lmdb", "two nodes over LMDB", false);
const redis = peerWithoutServer("nodes-redis", "two nodes over Redis", withoutRedis);
const postgres = peerWithoutServer("nodes-postgres", "two nodes over PostgreSQL", withoutPostgres);

export const nodeSubscriptions: Question = {
  name: "node-subscriptions",
  asks: "20,000 subscriptions on two nodes, and the death of one",
  peers: [lmdb, redis, postgres],
  rounds: 1,
  columns: [
    { figure: "memory", title: "memory of a node MB", digits: 0 },
    { figure: "each", title: "KB a subscription", digits: 1 },
    { figure: "listed", title: "s until all are listed", digits: 1 },
    { figure: "median", title: "ms until a change shows, p50", digits: 1 },
    { figure: "latest", title: "p99", digits: 1 },
    { figure: "heard", title: "CPU of an announcement µs, other node", digits: 0 },
    { figure: "made", title: "with its request, own node", digits: 0 },
    { figure: "known", title: "s until a death is known", digits: 1 },
    { figure: "announced", title: "s until it is announced", digits: 1 },
  ],

  async measure(peer, scale) {
    if (peer === lmdb) {
      const folder = mkdtempSync(join(tmpdir(), "bench-nodes-"));
      try {
        return [await measureNodes(peer.name, "lmdb", folder, scale)];
      } finally {
        rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
      }
    }
    const server = peer === redis ? await RedisServer.start() : await PostgresServer.start(["fsync=on"]);
    try {
      return [await measureNodes(peer.name, peer === redis ? "redis" : "postgres", server.url, scale)];
    } finally {
      await server.stop();
    }
  },

  judge: (rows) =>
    [lmdb, redis, postgres].flatMap(({ name }) => [
      ...rows.below(name, "latest", 1000, "ms"),
      ...rows.below(name, "announced", 20, "s"),
    ]),
};

/** A node in its own process. */
class BenchNode {
  readonly child: Child;
  readonly port: number;

  private constructor(child: Child) {
    this.child = child;
    this.port = Number(child.announced);
  }

  static async start(kind: string, url: string): Promise<BenchNode> {
    const script = new URL("../servers/subscribed-node.ts", import.meta.url).pathname;
    const args = ["--expose-gc", "--import", "tsx", script, kind, url];
    return new BenchNode(await startChild(process.execPath, args, /port (\d+)\./));
  }

  async state(collect = false): Promise<NodeState> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/state${collect ? "?collect" : ""}`);
    return (await answer.json()) as NodeState;
  }

  /** Resolves with the time until all answers about the topic `room` name a number of streams, in milliseconds. */
  async says(count: number): Promise<number> {
    const base = `http://127.0.0.1:${this.port}`;
    const headers = { Authorization: authorizationOfPerson.replace("Authorization: ", "") };
    const before = performance.now();
    for (;;) {
      const list = await fetch(`${base}/.well-known/mercure/subscriptions/room`, { headers });
      const { subscriptions } = (await list.json()) as { subscriptions: unknown[] };
      const people = (await (await fetch(`${base}/people`)).json()) as People;
      const counts = [subscriptions.length, people.subscriptions, people.present, Number(people.isConnected)];
      const time = performance.now() - before;
      if (counts.every((each) => each === count)) return time;
      if (time > 30_000) throw new Error(`The other node says ${counts} in place of ${count}.`);
    }
  }

  /** Opens streams from a separate process, because one process cannot hold the streams of both nodes. */
  open(count: number): Promise<Child> {
    const script = new URL("../servers/open-streams.ts", import.meta.url);
    return startNode(script, [String(this.port), String(count)], /(All) streams are open/);
  }
}

async function measureNodes(name: string, kind: string, url: string, scale: Scale): Promise<Row> {
  const streams = scale.count(10_000);
  const more = scale.count(500);
  const nodes = [await BenchNode.start(kind, url), await BenchNode.start(kind, url)] as const;
  const [a, b] = nodes;
  const clients: Child[] = [];
  try {
    const empty = await Promise.all(nodes.map((node) => node.state(true)));
    const before = performance.now();
    for (const node of nodes) clients.push(await node.open(streams));
    await until(nodes, ({ listed }) => listed === 2 * streams);
    const listed = (performance.now() - before) / 1000;
    await wait(scale.seconds(5) * 1000);
    const news = (await newsTimes(a, b, more)).sort((one, other) => one - other);
    const median = news[Math.floor(news.length / 2)]!;
    const latest = news[Math.floor(news.length * 0.99)]!;
    const open = await Promise.all(nodes.map((node) => node.state(true)));
    const [growthA, growthB] = open.map(({ memory }, i) => memory - empty[i]!.memory) as [number, number];
    const growth = (growthA + growthB) / 2;
    for (const socket of await openStreams(a.port, more)) socket.destroy();
    await until(nodes, (state, i) => state.listed === 2 * streams && state.ends - open[i]!.ends === more);
    const [ofA, ofB] = (await Promise.all(nodes.map((node) => node.state()))).map(
      ({ cpu }, i) => (cpu - open[i]!.cpu) / (2 * more),
    ) as [number, number];
    const earlier = (await b.state()).ends;
    const killed = performance.now();
    await a.child.stop();
    await until([b], (state) => state.listed === streams);
    const known = (performance.now() - killed) / 1000;
    await until([b], ({ ends }) => ends - earlier >= streams);
    const announced = (performance.now() - killed) / 1000;
    await wait(scale.seconds(5) * 1000);
    const ends = (await b.state()).ends - earlier;
    const faults = ends === streams ? [] : [`${ends} ends of ${streams} announced`];
    const memory = open.reduce((sum, state) => sum + state.memory, 0) / 2 / 2 ** 20;
    const each = growth / 1024 / (2 * streams);
    return { name, figures: { memory, each, listed, median, latest, heard: ofB, made: ofA, known, announced }, faults };
  } finally {
    for (const child of [...clients, ...nodes.map((node) => node.child)]) await child.stop();
  }
}

/**
 * Opens and closes a stream at a node repeatedly. Returns the time until the other node reports each change in all its
 * answers, in milliseconds.
 */
async function newsTimes(node: BenchNode, other: BenchNode, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const socket = await openStream(node.port, "room", authorizationOfPerson);
    times.push(await other.says(1));
    const said = other.says(0);
    socket.destroy();
    times.push(await said);
  }
  return times;
}

/** Waits until a condition holds for the state of each node. */
async function until(nodes: readonly BenchNode[], holds: (state: NodeState, index: number) => boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const states = await Promise.all(nodes.map((node) => node.state()));
    if (states.every(holds)) return;
    if (performance.now() > deadline) throw new Error(`The nodes do not agree: ${JSON.stringify(states)}`);
    await wait(50);
  }
}
