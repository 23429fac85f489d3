import { RedisTransport, type RedisTransportOptions } from "../../src/transport/redis/redis.js";
import { RedisServer } from "../support/redis.js";
import { until } from "../support/until.js";
import type { Heard } from "./checker.js";
import type { Fault } from "./fault.js";
import type { FaultyNode } from "./node.js";
import { everything, historyOf, limitFiles, type NodeOptions, NodesOfRun, progress } from "./nodes-of-run.js";
import { nodeStall, trimmed } from "./reader-stall.js";
import { runOf } from "./record.js";
import { refuse } from "./refusal.js";

/** The lines of a server that acknowledges only what is on its disk. */
const onDisk = ["appendonly yes", "appendfsync always"];

/** A server of its own, with the nodes that use it. */
class Run extends NodesOfRun {
  readonly server: RedisServer;
  readonly others: RedisServer[] = [];
  url: string;

  constructor(server: RedisServer) {
    super();
    this.server = server;
    this.url = server.url;
  }

  start(options: NodeOptions = {}, transport: Partial<RedisTransportOptions> = {}): FaultyNode {
    // The publishers wait for as long as a fault takes: the update counts in the end.
    const usual = { url: this.url, publishTimeout: 120, ...everything };
    return this.add({ kind: "redis", options: { ...usual, ...transport } }, options);
  }

  history(): Promise<Heard[]> {
    return historyOf(new RedisTransport({ url: this.url, ...everything }));
  }

  async remove(): Promise<void> {
    await this.end();
    for (const server of [this.server, ...this.others]) await server.stop();
  }
}

async function withServer<T>(lines: readonly string[], body: (run: Run) => Promise<T>): Promise<T> {
  const run = new Run(await RedisServer.start({ lines }));
  try {
    return await body(run);
  } finally {
    await run.remove();
  }
}

const progressOfAll = (nodes: readonly FaultyNode[]) => Promise.all(nodes.map((node) => progress(node)));
const stopAll = (nodes: readonly FaultyNode[]) => Promise.all(nodes.map((node) => node.stop()));

/** Lets something happen to a server that keeps all updates on its disk, while two nodes publish. */
const serverFault =
  (happen: (server: RedisServer, nodes: readonly FaultyNode[]) => Promise<unknown>): Fault =>
  (rounds) =>
    withServer(onDisk, async (run) => {
      const nodes = [0, 1].map(() => run.start({}, { durability: "disk" }));
      await progressOfAll(nodes);
      for (let round = 0; round < rounds; round++) {
        await happen(run.server, nodes);
        await progressOfAll(nodes);
      }
      await stopAll(nodes);
      return { run: runOf(run.logs, await run.history()), faults: rounds };
    });

const serverKill = serverFault(async (server) => {
  await server.kill();
  await server.run();
});

/**
 * The server hangs for longer than the nodes wait for an answer. Later it handles the requests that it has received.
 */
const serverStall = serverFault(async (server, nodes) => {
  server.stall();
  await Promise.all(nodes.map((node) => node.until(({ state }) => state === "away")));
  server.resume();
  await Promise.all(nodes.map((node) => node.until(({ state }) => state === "ready")));
});

const cut = serverFault((server) => server.command("CLIENT", "KILL", "TYPE", "normal"));

/** Kills one of two nodes while it publishes, and starts another one, which is killed too. */
const nodeKill: Fault = (rounds) =>
  withServer([], async (run) => {
    const nodes = [run.start(), run.start()];
    await progressOfAll(nodes);
    for (let round = 0; round < rounds; round++) {
      await nodes.shift()!.kill();
      nodes.push(run.start());
      await progressOfAll(nodes);
    }
    await stopAll(nodes);
    return { run: runOf(run.logs, await run.history()), faults: rounds };
  });

/** Lets a server refuse all writes for a while. Updates are then rejected, and the same nodes continue afterwards. */
const refusal =
  (lines: readonly string[], reason: RegExp, setFull: (server: RedisServer, isFull: boolean) => unknown): Fault =>
  (rounds) =>
    withServer(lines, async (run) => {
      const nodes = [0, 1].map(() => run.start({ publishers: 8 }, { publishTimeout: 1 }));
      const complaints = await refuse(nodes, rounds, (isFull) => setFull(run.server, isFull), reason);
      await stopAll(nodes);
      return { run: runOf(run.logs, await run.history()), faults: rounds, complaints };
    });

/** A limit on the size of the server's files stands for the full disk: it needs no rights. */
const fullDisk = refusal(["appendonly yes", "appendfsync everysec"], /MISCONF/, async (server, isFull) => {
  limitFiles(server.pid, isFull ? "1" : "unlimited");
  // The server retries once a second.
  const answer = () => server.command("SET", "probe", "1").then(String, String);
  if (!isFull) await until(async () => (await answer()) === "OK");
});

const fullMemory = refusal(["maxmemory-policy noeviction"], /OOM/, (server, isFull) =>
  server.command("CONFIG", "SET", "maxmemory", isFull ? "1" : "0"),
);

/** The server loses everything: it has no disk. */
const emptyServer: Fault = (rounds) =>
  withServer([], async (run) => {
    const nodes = [0, 1].map(() => run.start());
    await progressOfAll(nodes);
    for (let round = 0; round < rounds; round++) {
      await run.server.kill();
      await run.server.run();
      await progressOfAll(nodes);
    }
    await stopAll(nodes);
    return { run: run.settled(), faults: rounds };
  });

/** A server, its replica, and a sentinel that promotes the replica when the server is away. It can do so by itself. */
class Watched {
  readonly #servers: readonly RedisServer[];
  readonly #sentinel: RedisServer;

  constructor(servers: readonly RedisServer[], sentinel: RedisServer) {
    this.#servers = servers;
    this.#sentinel = sentinel;
  }

  static async start(run: Run): Promise<Watched> {
    const replica = await RedisServer.start({ lines: [`replicaof 127.0.0.1 ${run.server.port}`] });
    run.others.push(replica);
    const lines = [
      `sentinel monitor hub 127.0.0.1 ${run.server.port} 1`,
      "sentinel down-after-milliseconds hub 1000",
      "sentinel failover-timeout hub 1000",
    ];
    const sentinel = await RedisServer.start({ isSentinel: true, lines });
    run.others.push(sentinel);
    run.url = `redis+sentinel://127.0.0.1:${sentinel.port}/hub`;
    const watched = new Watched([run.server, replica], sentinel);
    await watched.isWhole();
    return watched;
  }

  async master(): Promise<RedisServer> {
    const [, port] = (await this.#sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "hub")) as string[];
    return this.#servers.find((server) => server.port === Number(port))!;
  }

  /** Resolves when one server follows the other, and the sentinel knows it. */
  async isWhole(): Promise<void> {
    const check = async () => {
      const master = await this.master();
      const replica = this.#servers.find((server) => server !== master)!;
      const known = JSON.stringify(await this.#sentinel.command("SENTINEL", "REPLICAS", "hub"));
      if (!known.includes(`"port","${replica.port}"`) || !known.includes('"flags","slave",')) return false;
      const info = String(await replica.command("INFO", "replication"));
      return info.includes("master_link_status:up") && info.includes(`master_port:${master.port}`);
    };
    // A sentinel cuts the connections of servers that change their roles.
    await until(() => check().catch(() => false));
  }
}

/** Kills the master. A sentinel promotes the replica, which has all that was acknowledged, and the dead one follows it. */
const failOver: Fault = (rounds) =>
  withServer([], async (run) => {
    const watched = await Watched.start(run);
    const nodes = [0, 1].map(() => run.start({}, { durability: "replica" }));
    await progressOfAll(nodes);
    for (let round = 0; round < rounds; round++) {
      const master = await watched.master();
      await master.kill();
      await until(async () => (await watched.master()) !== master);
      const { port } = await watched.master();
      await master.run(["--replicaof", "127.0.0.1", String(port)]);
      await watched.isWhole();
      await progressOfAll(nodes);
    }
    await stopAll(nodes);
    return { run: run.settled(), faults: rounds };
  });

export const redisFaults: Readonly<Record<string, Fault>> = {
  "server-kill": serverKill,
  "server-stall": serverStall,
  cut,
  "node-kill": nodeKill,
  "node-stall": nodeStall((body) => withServer([], body)),
  trimmed: trimmed((body) => withServer([], body)),
  "full-disk": fullDisk,
  "full-memory": fullMemory,
  "fail-over": failOver,
  "empty-server": emptyServer,
};
