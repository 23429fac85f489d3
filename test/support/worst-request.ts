import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import fc from "fast-check";
import { Hub } from "../../src/hub/index.js";
import { work } from "../../src/protocol/work.js";
import { MemoryTransport } from "../../src/transport/memory.js";
import { bytesOf, change, type HostileRequest, hostileRequest, keys } from "./hostile-request.js";

/** What a request has cost a hub. */
export interface Cost {
  /** The longest stretch of CPU time without a turn for others, in milliseconds. */
  readonly time: number;
  /** The most steps that patterns have taken in one turn. */
  readonly steps: number;
  readonly status: string;
}

export interface Finding {
  readonly request: HostileRequest;
  readonly cost: Cost;
}

const quiet = { warn() {}, error() {} };

/** A hub with a full history and some streams, to which requests are sent one after the other. */
export class HostileGround {
  readonly #hub: Hub;
  readonly #server: Server;
  readonly #port: number;
  #sent = 0;

  private constructor(hub: Hub, server: Server) {
    this.#hub = hub;
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** @param updates - How many the history holds. */
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
    return new HostileGround(hub, server);
  }

  async close(): Promise<void> {
    await this.#hub.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Sends a request and measures until the loop has rested for some turns after the answer's head. */
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
    while (this.#hub.connections > 0) await turn();
    return { time, steps, status: status.slice(9) };
  }

  /** The least of several costs of a request: what is more was the machine's, or the collector's. */
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
 * Looks for the requests that hold the event loop longest: takes one at random, and changes a part of it as long as that
 * makes it worse.
 *
 * @param tries - How many requests are sent.
 * @param depth - How many changes in succession may bring nothing, before it begins anew.
 */
export async function findWorst(ground: HostileGround, tries: number, seed: number, depth = 30): Promise<Finding[]> {
  const findings: Finding[] = [];
  const random = fc.sample(hostileRequest, { numRuns: Math.ceil(tries / depth) + 1, seed });
  const changes = fc.sample(change, { numRuns: tries, seed });
  for (let sent = 0; sent < tries && random.length > 0; ) {
    let best = await evaluated(ground, random.pop()!);
    sent++;
    for (let idle = 0; idle < depth && sent < tries; idle++, sent++) {
      const changed = { ...best.request, ...changes.pop()! };
      const rough = await ground.costOf(changed);
      if (rough.time <= best.cost.time * 1.1) continue;
      const cost = await ground.confirmedCostOf(changed);
      if (cost.time <= best.cost.time * 1.1) continue;
      best = { request: changed, cost };
      idle = 0;
    }
    findings.push(best);
  }
  return findings.sort((a, b) => b.cost.time - a.cost.time);
}

async function evaluated(ground: HostileGround, request: HostileRequest): Promise<Finding> {
  return { request, cost: await ground.confirmedCostOf(request) };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
