import { describe, type TestContext } from "node:test";
import type { HistoryOptions } from "../history/history-options.js";
import type { Transport } from "../transport.js";
import { acceptanceTests } from "./acceptance.js";
import { nodesTests } from "./nodes-tests.js";
import { orderTests } from "./order.js";
import { replayTests } from "./replay.js";
import { retentionTests } from "./retention.js";
import { laggingNodeTests, sharedStoreTests } from "./shared-store.js";
import { type StoreUnderTest, storeOf } from "./store-under-test.js";

export type { StoreUnderTest };

/** Options of {@link transportContract}. */
export interface ContractOptions {
  /**
   * Whether the store outlives its nodes, so that it can be opened again and by several nodes. Default true; false for a
   * store in the memory of one node.
   */
  readonly isShared?: boolean | undefined;
  /** Whether {@link StoreUnderTest.pause} exists. Default false: the suite does not test lagging nodes. */
  readonly canPause?: boolean | undefined;
}

/**
 * Declares the tests that every transport must pass, for the test runner of Node.
 *
 * @param name - The name of the transport, for the tests' names.
 * @param create - Returns a new store without updates. The suite calls it once for each test.
 * @example
 * ```ts
 * import { transportContract } from "htmx-mercure/transport/contract";
 * import { MemoryTransport } from "htmx-mercure/transport/memory";
 *
 * transportContract("MemoryTransport", () => ({ open: (options) => new MemoryTransport(options) }), { isShared: false });
 * ```
 */
export function transportContract(
  name: string,
  create: () => StoreUnderTest | Promise<StoreUnderTest>,
  { isShared = true, canPause = false }: ContractOptions = {},
): void {
  const open = async (t: TestContext, options?: HistoryOptions): Promise<Transport> => {
    const store = await storeOf(t, create);
    return store.open(options);
  };
  describe(`${name} as a transport`, () => {
    acceptanceTests(open);
    orderTests(open);
    replayTests(open);
    retentionTests(open);
    nodesTests(open, isShared);
  });
  if (isShared) {
    describe(`${name} as a store of several nodes`, () => {
      sharedStoreTests(async (t) => (await storeOf(t, create)).open);
      if (canPause) {
        laggingNodeTests(async (t) => {
          const { open: openNode, store } = await storeOf(t, create);
          return { open: openNode, pause: (node) => store.pause!(node) };
        });
      }
    });
  }
}
