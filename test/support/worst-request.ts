import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import fc from "fast-check";
import { Hub } from "../../src/hub/index.js";
import { work } from "../../src/protocol/matching/work.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { bytesOf, change, type HostileRequest, hostileRequest, keys, plainRequest } from "./hostile-request.js";

/** The cost of a request to a hub. */
export interface Cost {
  /** The longest CPU time without a turn for others, in milliseconds. */
  readonly time: number;
  /** The max number of match steps in one turn. */
  readonly steps: number;
  readonly status: string;
}

export interface Finding {
  readonly request: HostileRequest;
  readonly cost: Cost;
}

const quiet = { warn() {}, error() {} };

/**
 * Other clients' open streams: strangers with patterns for everything, and one that receives the events of all streams.
 */
const openStreams: readonly HostileRequest[] = [
  ...[1, 2, 3].map((index) => ({
    ...plainRequest,
    method: "QUERY",
    fields: [{ name: "topic", unit: ["{+a}", `${index}`, "{+b}"], length: 10, count: 140, numbered: true }],
    inBody: true,
  })),
  {
    ...plainRequest,
    fields: [{ name: "topic", unit: ["*"], length: 1, count: 1, numbered: false }],
    token: { kind: "subscriber", grants: ["*"], count: 1, size: 4_000 },
  },
];

/** A hub with a full history and some streams, which gets requests one after the other. */
export class HostileGround {
  readonly #hub: Hub;
  readonly #server: Server;
  readonly #port: number;
  readonly #streams: readonly Socket[];
  #sent = 0;

  private constructor(hub: Hub, server: Server, streams: readonly Socket[]) {
    this.#hub = hub;
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    this.#streams = streams;
  }

  /** @param updates - The number of updates in the history. */
  static async open(updates: number): Promise<HostileGround> {
    const hub = new Hub({
      transport: new MemoryTransport(),
      subscriberKey: keys.subscriber,
      publisherKey: keys.publisher,
      allowPublish: true,
      keepaliveInterval: 0,
      corsOrigins: "*",
      logger: quiet,
    });
    for (let i = 0; i < updates; i++) {
      await hub.publish({ topics: [`orders/${i}`], data: "x".repeat(100), private: i % 2 === 0 });
    }
    const server = createServer(hub.handle);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const streams = openStreams.map(() => connect(port, "127.0.0.1").on("error", () => {}));
    streams.forEach((socket, index) => {
      socket.resume().write(bytesOf(openStreams[index]!, hub.path));
    });
    while (hub.connections < streams.length) await turn();
    return new HostileGround(hub, server, streams);
  }

  get hubPath(): string {
    return this.#hub.path;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    await this.#hub.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Sends a request, and measures until the event loop was idle for some turns after the answer's head. */
  async costOf(request: HostileRequest): Promise<Cost> {
    const bytes = bytesOf(request, this.#hub.path, (this.#sent++).toString(36));
    const socket = connect(this.#port, "127.0.0.1");
    await once(socket, "connect");
    let status = "";
    let closed = false;
    socket.on("data", (data) => {
      status ||= data.toString("latin1", 0, 12);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      closed = true;
    });
    await new Promise((resolve) => socket.write(bytes, resolve));
    let [time, steps] = [0, 0];
    let idle = 0;
    while (idle < 20) {
      const before = { time: process.cpuUsage(), steps: work.steps };
      await turn();
      const { user, system } = process.cpuUsage(before.time);
      const spent = (user + system) / 1000;
      time = Math.max(time, spent);
      steps = Math.max(steps, work.steps - before.steps);
      const isResting = spent < 0.3 && work.steps === before.steps;
      idle = isResting && (status !== "" || closed) ? idle + 1 : 0;
    }
    socket.destroy();
    while (this.#hub.connections > this.#streams.length) await turn();
    return { time, steps, status: status.slice(9) };
  }

  /** Returns the min of several costs of a request: the machine or the garbage collector caused the excess. */
  async confirmedCostOf(request: HostileRequest): Promise<Cost> {
    let least = await this.costOf(request);
    for (let i = 0; i < 3; i++) {
      const cost = await this.costOf(request);
      if (cost.time < least.time) least = cost;
    }
    return least;
  }
}

/**
 * Searches for the requests that block the event loop longest: it takes a random request, and changes a part of it
 * while that makes it worse.
 *
 * @param tries - The number of requests.
 * @param badness - The measure to maximise.
 * @param depth - The max number of consecutive changes without a gain before it starts with another request.
 */
export async function findWorst(
  ground: HostileGround,
  tries: number,
  seed: number,
  badness: (cost: Cost) => number,
  depth = 30,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const random = fc.sample(hostileRequest, { numRuns: Math.ceil(tries / depth) + 1, seed });
  const changes = fc.sample(change, { numRuns: tries, seed });
  for (let sent = 0; sent < tries && random.length > 0; ) {
    let best = await evaluated(ground, random.pop()!);
    sent++;
    for (let idle = 0; idle < depth && sent < tries; idle++, sent++) {
      const changed = { ...best.request, ...changes.pop()! };
      const rough = await ground.costOf(changed);
      if (badness(rough) <= badness(best.cost) * 1.1) continue;
      const cost = await ground.confirmedCostOf(changed);
      if (badness(cost) <= badness(best.cost) * 1.1) continue;
      best = { request: changed, cost };
      idle = 0;
    }
    findings.push(best);
  }
  return findings.sort((a, b) => badness(b.cost) - badness(a.cost));
}

async function evaluated(ground: HostileGround, request: HostileRequest): Promise<Finding> {
  return { request, cost: await ground.confirmedCostOf(request) };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
