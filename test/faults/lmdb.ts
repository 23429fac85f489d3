import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LmdbTransport, type LmdbTransportOptions } from "../../src/transport/lmdb/lmdb.js";
import type { Heard } from "./checker.js";
import type { Fault } from "./fault.js";
import type { FaultyNode } from "./node.js";
import { everything, historyOf, limitFiles, type NodeOptions, NodesOfRun, progress } from "./nodes-of-run.js";
import { nodeStall, trimmed } from "./reader-stall.js";
import { runOf } from "./record.js";
import { SmallDisk } from "./small-disk.js";

/** The history in a folder of its own, with the nodes that share it. */
class Run extends NodesOfRun {
  readonly path = mkdtempSync(join(tmpdir(), "lmdb-faults-"));

  start(options: NodeOptions = {}, limits: Partial<LmdbTransportOptions> = everything): FaultyNode {
    return this.add({ kind: "lmdb", options: { path: this.path, ...limits } }, options);
  }

  /** Returns what a process that opens the folder now finds in history. */
  history(): Promise<Heard[]> {
    return historyOf(new LmdbTransport({ path: this.path, ...everything }));
  }

  async remove(): Promise<void> {
    await this.end();
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Runs something in a folder of its own, which is removed afterwards. */
async function inFolder<T>(body: (run: Run) => Promise<T>): Promise<T> {
  const run = new Run();
  try {
    return await body(run);
  } finally {
    await run.remove();
  }
}

/** Kills one of several writers while it publishes, and starts another one, which is killed too. */
const killOneOf =
  (writers: number): Fault =>
  (rounds) =>
    inFolder(async (run) => {
      const nodes = Array.from({ length: writers }, () => run.start());
      await Promise.all(nodes.map((node) => progress(node)));
      for (let round = 0; round < rounds; round++) {
        await nodes.shift()!.kill();
        nodes.push(run.start());
        // The others continue: the killed one has left no lock.
        await Promise.all(nodes.map((node) => progress(node)));
      }
      await Promise.all(nodes.map((node) => node.stop()));
      return { run: runOf(run.logs, await run.history()), faults: rounds };
    });

/**
 * Fills the disk of a node and makes room again, in each round, and ends the node.
 *
 * @param reason - The reason that rejected updates give.
 * @returns broken promises.
 */
async function fill(
  node: FaultyNode,
  rounds: number,
  setFull: (isFull: boolean, round: number) => void,
  reason: RegExp,
): Promise<string[]> {
  await progress(node);
  for (let round = 0; round < rounds; round++) {
    const failures = node.log.failures.length;
    setFull(true, round);
    await node.until((log) => log.failures.length > failures && log.state === "away");
    setFull(false, round);
    await node.until(({ state }) => state === "ready");
    await progress(node);
  }
  await node.stop();
  return node.log.failures
    .filter(({ code, message }) => code !== "ERR_TRANSPORT" || !reason.test(message))
    .map(({ code, message }) => `${code}: ${message}`);
}

/** A limit on the size of files stands for the full disk: it needs no rights, and the system refuses the same writes. */
const fullDisk: Fault = (rounds) =>
  inFolder(async (run) => {
    const node = run.start({ bytes: 1000, publishers: 16 });
    const setFull = (isFull: boolean, round: number) =>
      limitFiles(node.pid, isFull ? `${1024 * 1024 * (round + 1)}` : "unlimited");
    const complaints = await fill(node, rounds, setFull, /disk (is|may be) full/);
    return { run: runOf(run.logs, await run.history()), faults: rounds, complaints };
  });

/** A small file system in memory really fills. Only root can mount it. */
const fullFileSystem: Fault = (rounds) =>
  inFolder(async (run) => {
    const disk = new SmallDisk(run.path, 16);
    try {
      const node = run.start({ bytes: 1000, publishers: 16 });
      const complaints = await fill(node, rounds, (isFull) => disk.setFull(isFull), /the disk is full/);
      return { run: runOf(run.logs, await run.history()), faults: rounds, complaints };
    } finally {
      await run.end();
      disk.remove();
    }
  });

/** Kills the only node, and brings back the folder as it was before: empty, or as a backup has it. */
const restored =
  (isEmpty: boolean): Fault =>
  (rounds) =>
    inFolder(async (run) => {
      const complaints: string[] = [];
      const backup = `${run.path}-backup`;
      if (isEmpty) mkdirSync(backup);
      else {
        const first = run.start();
        await progress(first);
        await first.stop();
        cpSync(run.path, backup, { recursive: true });
      }
      for (let round = 0; round < rounds; round++) {
        const node = run.start();
        await progress(node);
        await node.kill();
        const lost = node.log.heard.map(({ position }) => position);
        const before = new LmdbTransport({ path: run.path, ...everything });
        const ids = lost.map((position) => before.cursor(position));
        await before.close();
        rmSync(run.path, { recursive: true });
        cpSync(backup, run.path, { recursive: true });
        const after = new LmdbTransport({ path: run.path, ...everything });
        await after.ready;
        // A page that resumes after such an id must get a gap, also once there are newer updates.
        await after.publish({ topics: ["t"], data: "newer", private: false });
        for (const id of ids) if ((await after.positionOf(id)) !== undefined) complaints.push(`${id} is known`);
        if (after.head <= lost.at(-1)!) complaints.push(`position ${after.head} follows ${lost.at(-1)}`);
        await after.close();
      }
      rmSync(backup, { recursive: true });
      // A node of one life receives nothing of the earlier lives.
      const nodes = run.logs.map(({ record }) => ({ ...record, from: record.heard[0]!.position - 1 }));
      return { run: { ...runOf(run.logs), nodes }, faults: rounds, complaints };
    });

export const lmdbFaults: Readonly<Record<string, Fault>> = {
  "node-kill": killOneOf(1),
  "node-kill-of-three": killOneOf(3),
  "node-stall": nodeStall(inFolder),
  trimmed: trimmed(inFolder),
  "full-disk": fullDisk,
  "full-file-system": fullFileSystem,
  "empty-folder": restored(true),
  "restored-backup": restored(false),
};
