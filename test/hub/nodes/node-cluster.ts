import type { TestContext } from "node:test";
import type { HubOptions } from "../../../src/hub/index.js";
import type { Clock } from "../../../src/shared/clock.js";
import { OptionReader } from "../../../src/shared/option-reader.js";
import { ReplicaTransport } from "../../../src/transport/shared/replica.js";
import { readReplicaSettings } from "../../../src/transport/shared/replica-options.js";
import { ManualClock } from "../../support/manual-clock.js";
import { until, untilTurn } from "../../support/until.js";
import { LogStore } from "../../transport/shared/log-store.js";
import { MemoryLog, Network } from "../../transport/shared/memory-log.js";
import { draft, type RunningHub, startHub, turn } from "../fixture.js";

/** The default. */
export const { lease } = readReplicaSettings(new OptionReader({}, "", {}), "The log");

export interface ClusterNode extends RunningHub {
  readonly link: MemoryLog;
  readonly process: NodeProcess;
}

/** The process of a node, which can be paused: its timers do not run, and it receives no answers. */
class NodeProcess implements Clock {
  readonly #clock: Clock;
  readonly #link: MemoryLog;
  readonly #skew: number;
  #held: Set<() => void> | undefined;

  constructor(clock: Clock, link: MemoryLog, skew: number) {
    this.#clock = clock;
    this.#link = link;
    this.#skew = skew;
  }

  now(): number {
    return this.#clock.now() + this.#skew;
  }

  at(time: number, callback: () => void): () => void {
    const cancel = this.#clock.at(time - this.#skew, () => {
      if (this.#held === undefined) callback();
      else this.#held.add(callback);
    });
    return () => {
      cancel();
      this.#held?.delete(callback);
    };
  }

  stop(): void {
    this.#held = new Set();
    this.#link.stop();
  }

  /** Lets the process run again. It hears the answers that have come meanwhile, and runs its timers, in this order or not. */
  async resume(first: "answers" | "timers"): Promise<void> {
    if (first === "answers") {
      this.#link.wake();
      for (let i = 0; i < 20; i++) await turn();
    }
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const callback of held) callback();
    if (first === "timers") this.#link.wake();
  }
}

/** Nodes of one hub over a shared log in memory, whose clock a test advances. */
export class NodeCluster {
  readonly clock = new ManualClock();
  readonly network = new Network();
  readonly store = new LogStore(this.clock);
  readonly #t: Pick<TestContext, "after">;
  readonly #lease: number;

  /** @param ownLease - The time that a node can be paused before the others consider it ended, in milliseconds. */
  constructor(t: Pick<TestContext, "after">, ownLease = lease) {
    this.#t = t;
    this.#lease = ownLease;
  }

  /** Connects another node to the log, and waits until it is ready. */
  async connect() {
    const node = this.#connect();
    await node.transport.ready;
    return node;
  }

  #connect(skew = 0) {
    const link = new MemoryLog(this.store, this.network, this.clock);
    const process = new NodeProcess(this.clock, link, skew);
    const transport = new ReplicaTransport(link, {
      limits: { lengthOf: () => 500, bytes: 2 ** 26, eventBytes: 2 ** 22 },
      publishTimeout: 10_000,
      lease: this.#lease,
      callTimeout: 5000,
      grace: 1000,
      keepAlive: false,
      clock: process,
      logger: { warn: () => {}, error: () => {} },
      store: "The log",
    });
    this.#t.after(() => {
      link.kill();
      // Nothing advances the clock from now on, so a close that waits for the log would never end.
      void transport.close();
    });
    return { link, process, transport };
  }

  /**
   * Starts a node with its own hub and server.
   *
   * @param clock - The clock of the hub. Default: that of the cluster.
   * @param skew - The lead of the transport's clock over the clock of the store, in milliseconds.
   */
  async start(
    options: Omit<Partial<HubOptions>, "transport"> = {},
    clock: Clock = this.clock,
    skew = 0,
  ): Promise<ClusterNode> {
    // As in an application, the hub exists before its transport is ready.
    const { link, process, transport } = this.#connect(skew);
    const running = await startHub(this.#t, { transport, ...options }, clock);
    await transport.ready;
    return { ...running, link, process };
  }

  /** Waits until each node knows the others: it has heard an update that each has published since its start. */
  async meet(...nodes: readonly ClusterNode[]): Promise<void> {
    for (const { hub } of nodes) await hub.publish(draft("of nobody"));
    const head = Math.max(...nodes.map(({ transport }) => transport.head));
    await until(() => nodes.every(({ transport }) => transport.head >= head));
  }

  /** Advances the clock until a condition holds, by small steps, so that the nodes renew their leases. */
  async until(condition: () => unknown): Promise<void> {
    await untilTurn(async () => {
      this.clock.advance(0.2);
      // An answer of the log reaches its node within these turns.
      for (let i = 0; i < 8; i++) await turn();
      return condition();
    });
  }

  /** Advances the clock by a number of seconds. */
  async advance(seconds: number): Promise<void> {
    const end = this.clock.now() + seconds * 1000;
    await this.until(() => this.clock.now() >= end);
  }
}
