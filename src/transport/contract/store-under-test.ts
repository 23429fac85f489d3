import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Draft } from "../../protocol/update.js";
import type { HistoryOptions } from "../history/history-options.js";
import type { Replay, ReplayQuery, StoredUpdate, Transport } from "../transport.js";

/** A store that the contract tests, empty at first. */
export interface StoreUnderTest {
  /** Opens a node of the store: the first one, another one, or one after all have closed. The suite closes it. */
  open(options?: HistoryOptions): Transport | Promise<Transport>;

  /**
   * Keeps a node from reading the store until the returned function is called, as a stopped process does. The tests of
   * lagging nodes need it. Leave it out if the store cannot do this within one process.
   */
  pause?(node: Transport): (() => unknown) | Promise<() => unknown>;

  /** Removes the store. The suite calls it after it has closed the nodes. */
  remove?(): unknown;
}

/** Opens a node of a new store, which ends with the test. */
export type OpenForTest = (t: TestContext, options?: HistoryOptions) => Promise<Transport>;

/** Opens a node of the test's store. */
export type OpenNode = (options?: HistoryOptions) => Promise<Transport>;

/** Returns a function that opens nodes of a new store, and cleans up after the test. */
export async function storeOf(
  t: TestContext,
  create: () => StoreUnderTest | Promise<StoreUnderTest>,
): Promise<{ open: OpenNode; store: StoreUnderTest }> {
  const store = await create();
  const nodes: Transport[] = [];
  t.after(async () => {
    for (const node of nodes) await node.close();
    await store.remove?.();
  });
  const open: OpenNode = async (options) => {
    const node = await store.open(options);
    nodes.push(node);
    await node.ready;
    return node;
  };
  return { open, store };
}

export function draft(topics: string | string[], data = "", fields: Partial<Draft> = {}): Draft {
  return { topics: typeof topics === "string" ? [topics] : topics, data, private: false, ...fields };
}

/** The retention of an event of the hub. */
export const event = { namespace: "/hub/own/", keep: "events" } as const;

/** The retention of a control message of the hub. */
export const order = { namespace: "/hub/orders/", keep: "orders" } as const;
export const orders = "/hub/orders/all";

export async function read(transport: Transport, query: Partial<ReplayQuery> = {}): Promise<Replay> {
  return transport.read({ topics: "*", after: 0, ...query });
}

export async function readTopics(transport: Transport, ...topics: string[]): Promise<Replay> {
  return read(transport, { topics: new Set(topics) });
}

export function dataOf({ updates }: { readonly updates: readonly StoredUpdate[] }): string[] {
  return updates.map(({ update }) => update.data);
}

/** Collects the calls of a transport's listener, and the data of the updates. */
export function listenTo(transport: Transport): {
  readonly heard: StoredUpdate[];
  readonly data: string[];
  readonly gaps: number[];
} {
  const heard: StoredUpdate[] = [];
  const data: string[] = [];
  const gaps: number[] = [];
  transport.listen({
    update: (stored) => {
      heard.push(stored);
      data.push(stored.update.data);
    },
    gap: (through) => void gaps.push(through),
  });
  return { heard, data, gaps };
}

/** Waits for a condition. A test that never sees it ends by the runner's time limit. */
export async function until(condition: () => unknown): Promise<void> {
  while (!(await condition())) await wait(5);
}
