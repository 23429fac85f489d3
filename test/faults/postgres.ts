import { PostgresTransport } from "../../src/transport/postgres/postgres.js";
import type { ReplicaOptions } from "../../src/transport/shared/replica-options.js";
import { PostgresServer } from "../support/postgres-server.js";
import type { Heard } from "./checker.js";
import type { Fault } from "./fault.js";
import type { FaultyNode } from "./node.js";
import { everything, heardAll, historyOf, type NodeOptions, NodesOfRun, progress } from "./nodes-of-run.js";
import { runOf } from "./record.js";

/** A server of its own, with the nodes that use it. */
class Run extends NodesOfRun {
  readonly server: PostgresServer;

  constructor(server: PostgresServer) {
    super();
    this.server = server;
  }

  start(options: NodeOptions = {}, transport: ReplicaOptions = {}): FaultyNode {
    // The publishers wait for as long as a fault takes: the update counts in the end.
    const usual = { url: this.server.url, publishTimeout: 120, ...everything };
    return this.add({ kind: "postgres", options: { ...usual, ...transport } }, options);
  }

  history(): Promise<Heard[]> {
    return historyOf(new PostgresTransport({ url: this.server.url, ...everything }));
  }
}

async function withServer<T>(body: (run: Run) => Promise<T>): Promise<T> {
  const run = new Run(await PostgresServer.start());
  try {
    return await body(run);
  } finally {
    await run.end();
    await run.server.stop();
  }
}

const all = (nodes: readonly FaultyNode[], act: (node: FaultyNode) => Promise<void>) => Promise.all(nodes.map(act));

/** Lets something happen again and again while two nodes publish. */
const whilePublishing =
  (happen: (run: Run, nodes: FaultyNode[]) => Promise<unknown>): Fault =>
  (rounds) =>
    withServer(async (run) => {
      const nodes = [run.start(), run.start()];
      await all(nodes, (node) => progress(node));
      for (let round = 0; round < rounds; round++) {
        await happen(run, nodes);
        await all(nodes, (node) => progress(node));
      }
      await all(nodes, (node) => node.stop());
      return { run: runOf(run.logs, await run.history()), faults: rounds };
    });

const serverKill = whilePublishing(async ({ server }) => {
  await server.kill();
  await server.restart();
});

/** The server stands still for longer than the nodes wait for an answer. It handles later what it has received. */
const serverStall = whilePublishing(async ({ server }, nodes) => {
  server.stall();
  await all(nodes, (node) => node.until(({ state }) => state === "away"));
  server.resume();
  await all(nodes, (node) => node.until(({ state }) => state === "ready"));
});

const cut = whilePublishing(({ server }) =>
  server.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'htmx-mercure'"),
);

/** Kills the older one of two nodes, and starts another. */
const nodeKill = whilePublishing(async (run, nodes) => {
  await nodes.shift()!.kill();
  nodes.push(run.start());
});

/** Stops a reader while the writer publishes, and tells whether it was told of gaps. */
const readerStall =
  (count: number, bytes: number, limits: ReplicaOptions, hasGap: boolean): Fault =>
  (rounds) =>
    withServer(async (run) => {
      const [writer, reader] = [run.start({ bytes }, limits), run.start({ publishers: 0 }, limits)];
      await Promise.all([progress(writer), reader.until(({ isStarted }) => isStarted)]);
      const complaints: string[] = [];
      for (let round = 0; round < rounds; round++) {
        const gaps = reader.log.gaps.length;
        reader.stall();
        await progress(writer, count);
        reader.resume();
        await heardAll(reader, writer);
        if (reader.log.gaps.length > gaps !== hasGap) complaints.push(`round ${round}: gap told is not ${hasGap}`);
      }
      await all([writer, reader], (node) => node.stop());
      if (writer.log.gaps.length > 0) complaints.push("the writer was told of a gap");
      return { run: runOf(run.logs, hasGap ? undefined : await run.history()), faults: rounds, complaints };
    });

export const postgresFaults: Readonly<Record<string, Fault>> = {
  "server-kill": serverKill,
  "server-stall": serverStall,
  cut,
  "node-kill": nodeKill,
  "node-stall": readerStall(300, 100, {}, false),
  trimmed: readerStall(3000, 2000, { historyLength: 100, maxHistoryBytes: 4 * 1024 * 1024 }, true),
};
