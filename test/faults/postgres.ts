import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresTransport } from "../../src/transport/postgres/postgres.js";
import type { ReplicaOptions } from "../../src/transport/shared/replica-options.js";
import { own, PostgresServer } from "../support/postgres-server.js";
import { TcpSwitch } from "../support/tcp-switch.js";
import { until } from "../support/until.js";
import type { Heard } from "./checker.js";
import type { Fault } from "./fault.js";
import type { FaultyNode } from "./node.js";
import { everything, historyOf, type NodeOptions, NodesOfRun, progress } from "./nodes-of-run.js";
import { nodeStall, trimmed } from "./reader-stall.js";
import { runOf } from "./record.js";
import { refuse } from "./refusal.js";
import { SmallDisk } from "./small-disk.js";

/** A server of its own, with the nodes that use it. */
class Run extends NodesOfRun {
  /** The one that takes changes now. */
  server: PostgresServer;
  url: string;

  constructor(server: PostgresServer) {
    super();
    this.server = server;
    this.url = server.url;
  }

  start(options: NodeOptions = {}, transport: ReplicaOptions = {}): FaultyNode {
    // The publishers wait for as long as a fault takes: the update counts in the end.
    const usual = { url: this.url, publishTimeout: 120, ...everything };
    return this.add({ kind: "postgres", options: { ...usual, ...transport } }, options);
  }

  history(): Promise<Heard[]> {
    return historyOf(new PostgresTransport({ url: this.server.url, ...everything }));
  }
}

async function withServer<T>(body: (run: Run) => Promise<T>, settings: readonly string[] = []): Promise<T> {
  const run = new Run(await PostgresServer.start(settings));
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

/**
 * The server hangs for longer than the nodes wait for an answer. Later it handles the requests that it has received.
 */
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

/** The tables of the history are on a small disk. Only root can mount one. */
const fullDisk: Fault = (rounds) =>
  withServer(async (run) => {
    const folder = mkdtempSync(join(tmpdir(), "postgres-disk-"));
    const disk = new SmallDisk(folder, 32);
    try {
      own(folder);
      await run.server.query(`create tablespace small location '${folder}'`);
      await run.server.query("alter role postgres set default_tablespace = 'small'");
      const nodes = [0, 1].map(() => run.start({ publishers: 8, bytes: 1000 }, { publishTimeout: 2 }));
      const complaints = await refuse(nodes, rounds, (isFull) => disk.setFull(isFull), /No space left on device/);
      await all(nodes, (node) => node.stop());
      return { run: runOf(run.logs, await run.history()), faults: rounds, complaints };
    } finally {
      await run.end();
      await run.server.kill();
      disk.remove();
      rmSync(folder, { recursive: true });
    }
  });

/** Kills the server. Its standby, which has all that was acknowledged, takes its place and its address. */
const failOver: Fault = (rounds) =>
  withServer(
    async (run) => {
      const address = await TcpSwitch.start(run.server.port);
      const url = new URL(run.url);
      url.port = String(address.port);
      run.url = url.href;
      let standby = await run.server.startStandby();
      try {
        await isFollowed(run.server);
        const nodes = [run.start(), run.start()];
        await all(nodes, (node) => progress(node));
        for (let round = 0; round < rounds; round++) {
          await run.server.stop();
          run.server = standby;
          await run.server.promote();
          address.lead(run.server.port);
          standby = await run.server.startStandby();
          await isFollowed(run.server);
          await all(nodes, (node) => progress(node));
        }
        await all(nodes, (node) => node.stop());
        return { run: runOf(run.logs, await run.history()), faults: rounds };
      } finally {
        await run.end();
        await standby.stop();
        address.close();
      }
    },
    // A commit waits for the standby.
    ["synchronous_standby_names=*"],
  );

/** Waits until a standby gets all commits. */
function isFollowed(server: PostgresServer): Promise<void> {
  return until(
    async () => (await server.query("select from pg_stat_replication where sync_state = 'sync'")).length > 0,
  );
}

/** The server loses its data, and comes back with those of a backup. */
const restored =
  (backUpAfter: number): Fault =>
  (rounds) =>
    withServer(async (run) => {
      if (backUpAfter === 0) run.server.backUp();
      const nodes = [run.start(), run.start()];
      if (backUpAfter > 0) {
        await all(nodes, (node) => progress(node, backUpAfter));
        run.server.backUp();
      }
      await all(nodes, (node) => progress(node));
      for (let round = 0; round < rounds; round++) {
        await run.server.kill();
        await run.server.restore();
        await all(nodes, (node) => progress(node));
      }
      await all(nodes, (node) => node.stop());
      return { run: run.settled(), faults: rounds };
    });

export const postgresFaults: Readonly<Record<string, Fault>> = {
  "server-kill": serverKill,
  "server-stall": serverStall,
  cut,
  "node-kill": nodeKill,
  "node-stall": nodeStall(withServer),
  trimmed: trimmed(withServer),
  "full-disk": fullDisk,
  "fail-over": failOver,
  "empty-server": restored(0),
  "restored-backup": restored(100),
};
