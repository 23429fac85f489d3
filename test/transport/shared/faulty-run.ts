import { setImmediate as turn } from "node:timers/promises";
import type { Draft } from "../../../src/protocol/update.js";
import { ReplicaTransport } from "../../../src/transport/shared/replica.js";
import type { StoredUpdate } from "../../../src/transport/transport.js";
import type { Heard, RunRecord } from "../../faults/checker.js";
import { type GapOfRun, type NodeOfRun, settledRun } from "../../faults/settled-run.js";
import { ManualClock } from "../../support/manual-clock.js";
import { LogStore } from "./log-store.js";
import { type Fault, MemoryLog, Network } from "./memory-log.js";
import { replicaSettings } from "./replica-settings.js";

/** One step of a run. The number of a node is its index among the living nodes. */
export type Step =
  | {
      readonly kind: "publish";
      readonly node: number;
      readonly count: number;
      readonly topic: number;
      readonly id: boolean;
    }
  | { readonly kind: "fault"; readonly node: number; readonly fault: Fault }
  | { readonly kind: "cut server" }
  | { readonly kind: "stall server"; readonly seconds: number }
  | { readonly kind: "stall node"; readonly node: number; readonly others: number }
  | { readonly kind: "kill node"; readonly node: number }
  | { readonly kind: "copy" }
  | { readonly kind: "fail over" }
  | { readonly kind: "empty server" }
  | { readonly kind: "wait"; readonly seconds: number };

/** The number of updates of each topic that the nodes keep. Small, so that runs trim the log. */
const historyLength = 8;

class FaultyNode {
  readonly name: string;
  readonly link: MemoryLog;
  readonly clock: ManualClock;
  readonly transport: ReplicaTransport;
  readonly heard: Heard[] = [];
  readonly gaps: GapOfRun[] = [];
  from = 0;
  /** The updates that it read before it was ready, including those that its history has evicted since. */
  readonly before: Heard[] = [];
  readonly #endReading: () => void;
  /** The number of publishes under way. */
  pending = 0;
  isDead = false;

  constructor(name: string, store: LogStore, network: Network, clock: ManualClock, isDurable: boolean) {
    this.name = name;
    this.clock = clock;
    this.link = new MemoryLog(store, network, clock, isDurable);
    const limits = { lengthOf: () => historyLength, bytes: 2 ** 20, eventBytes: 2 ** 16 };
    this.transport = new ReplicaTransport(this.link, replicaSettings(clock, { limits }));
    this.#endReading = this.transport.listen({
      update: ({ position, update }) => this.before.push({ position, data: update.data }),
    });
  }

  listen(): void {
    this.from = this.transport.head;
    this.#endReading();
    this.transport.listen({
      update: ({ position, update }) => this.heard.push({ position, data: update.data }),
      // The log can lose what comes before the newest update.
      gap: (through) => this.gaps.push({ after: this.from, through, heard: this.heard.at(-1)?.position ?? this.from }),
    });
  }

  get record(): NodeOfRun["record"] {
    const to = this.isDead ? (this.heard.at(-1)?.position ?? this.from) : this.transport.head;
    return { name: this.name, from: this.from, to, heard: this.heard, gaps: this.gaps };
  }
}

/** Nodes over a shared log in memory, faults that happen to them, and a record of all that they hear. */
export class FaultyRun {
  faults = 0;
  readonly complaints: string[] = [];
  readonly #network = new Network();
  readonly #clock = new ManualClock();
  readonly #store = new LogStore(this.#clock);
  readonly #isDurable: boolean;
  readonly #random: () => number;
  readonly #nodes: FaultyNode[] = [];
  readonly #sent: string[] = [];
  readonly #acknowledged: string[] = [];

  /**
   * @param isDurable - Whether updates are acknowledged only when the copy has them. Then nodes can die before the log
   * fails over; otherwise an update that only a dead node has heard can be lost, and nobody knows.
   * @param seed - Chooses the pauses of the nodes, so that a run can be repeated.
   */
  constructor(isDurable: boolean, seed: number) {
    this.#isDurable = isDurable;
    this.#random = numbersOf(seed);
  }

  /** The number of gaps that a node was told of because the log had deleted a repeat. */
  get gapsOfRepeats(): number {
    const gaps = this.#nodes.flatMap((node) => node.gaps);
    return gaps.filter(({ through }) => this.#store.repeats.deleted.includes(through)).length;
  }

  async run(steps: readonly Step[]): Promise<RunRecord> {
    const { random } = Math;
    Math.random = this.#random;
    try {
      return await this.#runAll(steps);
    } finally {
      Math.random = random;
    }
  }

  async #runAll(steps: readonly Step[]): Promise<RunRecord> {
    for (let i = 0; i < 3; i++) await this.#start();
    for (const step of steps) await this.#do(step);
    this.#network.resume();
    for (const { link } of this.#living) link.wake();
    await this.#rest();
    // Nodes that have missed something learn of it with the next update, or before.
    for (let node = 0; node < this.#living.length; node++) this.#publish(node, 1, node, false);
    await this.#rest();
    const record = this.#record();
    await this.#compareHistories();
    await Promise.all(this.#nodes.map((node) => this.#advanceWhile(node.transport.close())));
    return record;
  }

  get #living(): FaultyNode[] {
    return this.#nodes.filter(({ isDead }) => !isDead);
  }

  async #start(): Promise<void> {
    const node = new FaultyNode(`node ${this.#nodes.length}`, this.#store, this.#network, this.#clock, this.#isDurable);
    await this.#advanceWhile(node.transport.ready);
    node.listen();
    this.#nodes.push(node);
  }

  async #do(step: Step): Promise<void> {
    const node = "node" in step ? this.#living[step.node % this.#living.length]! : undefined;
    if (step.kind !== "publish" && step.kind !== "wait" && step.kind !== "copy") this.faults++;
    switch (step.kind) {
      case "publish":
        this.#publish(step.node, step.count, step.topic, step.id);
        await this.#turns(2);
        break;
      case "fault":
        node!.link.inject(step.fault);
        break;
      case "cut server":
        this.#network.cut();
        break;
      case "stall server":
        this.#network.stall();
        await this.#advance(step.seconds);
        this.#network.resume();
        break;
      case "stall node":
        node!.link.stop();
        for (let i = 0; i < step.others; i++) this.#publish(this.#nodes.length + i, 3, 0, false);
        await this.#advance(4);
        node!.link.wake();
        break;
      case "kill node":
        if (!this.#isDurable) break;
        node!.isDead = true;
        node!.link.kill();
        await this.#start();
        break;
      case "copy":
        this.#store.copy();
        break;
      case "fail over":
        this.#network.cut();
        this.#store.failOver();
        // Two fail-overs are further apart than the clearance of the positions.
        await this.#advance(11);
        break;
      case "empty server":
        if (this.#isDurable) break;
        this.#network.cut();
        this.#store.empty();
        await this.#advance(11);
        break;
      case "wait":
        await this.#advance(step.seconds);
    }
  }

  #publish(index: number, count: number, topic: number, hasId: boolean): void {
    const node = this.#living[index % this.#living.length]!;
    for (let i = 0; i < count; i++) {
      const data = `u${this.#sent.length}`;
      this.#sent.push(data);
      const draft: Draft = { topics: [`topic-${topic}`], data, private: false, ...(hasId && { id: `urn:${topic}` }) };
      node.pending++;
      node.transport.publish(draft).then(
        () => {
          node.pending--;
          if (node.isDead) return;
          this.#acknowledged.push(data);
        },
        (error: { code?: string }) => {
          node.pending--;
          if (node.isDead) return;
          if (error.code !== "ERR_TRANSPORT") this.complaints.push(`${data} has failed with ${error.code}`);
        },
      );
    }
  }

  /** Waits until nothing is under way, and all nodes have read the log to its end. */
  async #rest(): Promise<void> {
    for (let i = 0; i < 100; i++) {
      this.#store.copy();
      await this.#advance(0.5);
      const head = Math.max(...this.#living.map(({ transport }) => transport.head));
      const isQuiet = this.#living.every(
        ({ transport, pending }) => transport.state === "ready" && transport.head === head && pending === 0,
      );
      if (i > 8 && isQuiet) return;
    }
    this.complaints.push("publishes never settle, or the nodes never rest");
  }

  async #advance(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 0.25) {
      this.#clock.advance(0.25);
      await this.#turns(4);
    }
  }

  async #advanceWhile(promise: Promise<unknown>): Promise<void> {
    let isSettled = false;
    promise.then(() => {
      isSettled = true;
    });
    for (let i = 0; i < 400 && !isSettled; i++) await this.#advance(0.25);
    if (!isSettled) this.complaints.push("a node does not become ready, or does not close");
  }

  async #turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await turn();
  }

  #record(): RunRecord {
    const updates = { sent: this.#sent, acknowledged: this.#acknowledged };
    return settledRun(updates, this.#nodes, this.#store.repeats);
  }

  /** All nodes answer a reader alike, from where none of them has a gap. */
  async #compareHistories(): Promise<void> {
    const [first, ...others] = this.#living.map(({ transport }) => transport);
    for (let topic = 0; topic < 4; topic++) {
      const topics = new Set([`topic-${topic}`]);
      const replays = [first!, ...others].map((transport) => transport.read({ topics, after: 0 }));
      const after = Math.max(...replays.map(({ lostThrough }) => lostThrough));
      const held = (updates: readonly StoredUpdate[]) => updates.filter(({ position }) => position > after);
      const texts = replays.map(({ updates }) =>
        JSON.stringify(held(updates).map(({ position, update }) => [position, update.data])),
      );
      if (new Set(texts).size > 1) this.complaints.push(`the histories of topic-${topic} differ: ${texts.join(" / ")}`);
    }
  }
}

/** Returns a function that returns the same numbers for the same seed, from 0 up to 1. */
function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
