import { execFileSync } from "node:child_process";
import type { Transport } from "../../src/transport/transport.js";
import type { Heard, RunRecord } from "./checker.js";
import { FaultyNode, type NodeProgramOptions } from "./node.js";
import type { TransportChoice } from "./open-transport.js";
import { type NodeLog, runOf } from "./record.js";
import { settledRun } from "./settled-run.js";

/** Limits that hold a whole run. */
export const everything = { historyLength: 10_000_000, maxHistoryBytes: 2 ** 33 };

/** The number of updates that are acknowledged between two faults. */
const updatesBetween = 100;

export type NodeOptions = Partial<Omit<NodeProgramOptions, "transport">>;

/** The nodes of a run, which share a store. */
export class NodesOfRun {
  readonly #nodes: FaultyNode[] = [];

  protected add(transport: TransportChoice, options: NodeOptions): FaultyNode {
    const node = new FaultyNode({ name: `node${this.#nodes.length}`, publishers: 4, ...options, transport });
    this.#nodes.push(node);
    return node;
  }

  get logs(): NodeLog[] {
    return this.#nodes.map(({ log }) => log);
  }

  /** Returns the record of a run whose store can lose updates. */
  settled(): RunRecord {
    const { sent, acknowledged } = runOf(this.logs);
    const nodes = this.#nodes.filter(({ log }) => log.isStarted);
    return settledRun(
      { sent, acknowledged },
      nodes.map(({ log: { record }, isDead }) => {
        // A node can join the empty store, and continue, before another one tells what is lost.
        const gaps = record.gaps.map(({ through }) => ({ after: record.from, through }));
        return { record: { ...record, gaps }, before: [], isDead };
      }),
    );
  }

  /** Ends the nodes that still run. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#nodes.map((node) => node.kill()));
  }
}

/** Waits until a node has got more updates acknowledged. */
export function progress(node: FaultyNode, count = updatesBetween): Promise<void> {
  const before = node.log.acknowledged.length;
  return node.until((log) => log.acknowledged.length >= before + count);
}

/** Waits until a node has heard, or was told to have missed, all that another one has got acknowledged. */
export function heardAll(reader: FaultyNode, writer: FaultyNode): Promise<void> {
  const last = writer.log.heard.at(-1)!.position;
  return reader.until((log) => log.record.to >= last);
}

/** Returns all that a transport holds, and closes it. */
export async function historyOf(transport: Transport): Promise<Heard[]> {
  await transport.ready;
  const heard: Heard[] = [];
  for (let after = 0; after < transport.head; ) {
    const { updates, through } = await transport.read({ topics: "*", after, maxUpdates: 1000 });
    for (const { position, update } of updates) heard.push({ position, data: update.data.trimEnd() });
    after = through;
  }
  await transport.close();
  return heard;
}

/** Limits the size of the files that a process writes: the system then refuses the same writes as on a full disk. */
export function limitFiles(pid: number, limit: string): void {
  execFileSync("prlimit", [`--pid=${pid}`, `--fsize=${limit}:`]);
}
