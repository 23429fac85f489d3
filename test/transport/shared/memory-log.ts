import type { Clock } from "../../../src/shared/clock.js";
import {
  type Append,
  type Drop,
  type LogJoin,
  type LogPage,
  LogRefusal,
  type Member,
  type SharedLog,
} from "../../../src/transport/shared/shared-log.js";
import type { LogStore } from "./log-store.js";

/**
 * The fate of the next call of a node. `lost call`: it never reaches the store. `lost answer`: it has reached the
 * store, and the connection breaks before the answer. `no answer`: nothing comes back. `refused`: the store refuses.
 */
export type Fault = "lost call" | "lost answer" | "no answer" | "refused";

/** The server's side of all connections: it can be unreachable, or hang. */
export class Network {
  readonly #held: (() => void)[] = [];
  readonly links = new Set<MemoryLog>();
  #isStalled = false;

  /** The server executes what has reached it, and nothing more until {@link Network.resume}. */
  stall(): void {
    this.#isStalled = true;
  }

  resume(): void {
    this.#isStalled = false;
    for (const execute of this.#held.splice(0)) execute();
  }

  submit(execute: () => void): void {
    if (this.#isStalled) this.#held.push(execute);
    else execute();
  }

  /** Breaks all connections, as the end of the server does. Calls that have not been executed are lost. */
  cut(): void {
    this.#held.length = 0;
    this.#isStalled = false;
    for (const link of this.links) link.cut();
  }
}

/** A node's connection to a shared log in memory, with faults. */
export class MemoryLog implements SharedLog {
  readonly #store: LogStore;
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #isDurable: boolean;
  readonly #open = new Map<(error: Error) => void, (answer: () => void) => void>();
  readonly #faults: Fault[] = [];
  /** Answers for a paused node. */
  #answers: (() => void)[] | undefined;
  #node = "";
  #session = 0;
  #isCut = false;
  #isIsolated = false;
  #isDead = false;

  /** @param isDurable - Whether an update is confirmed only when the store's copy has it. */
  constructor(store: LogStore, network: Network, clock: Clock, isDurable = false) {
    this.#store = store;
    this.#network = network;
    this.#clock = clock;
    this.#isDurable = isDurable;
    network.links.add(this);
  }

  /** Injects a fault into the next call. */
  inject(fault: Fault): void {
    this.#faults.push(fault);
  }

  /** Pauses the node: it learns nothing until {@link MemoryLog.wake}. */
  stop(): void {
    this.#answers ??= [];
  }

  wake(): void {
    const answers = this.#answers ?? [];
    this.#answers = undefined;
    for (const answer of answers) answer();
  }

  /** The node is dead: nothing that it calls has an effect, and nothing answers. */
  kill(): void {
    this.#isDead = true;
    this.#network.links.delete(this);
  }

  /** Breaks the connection: what is under way fails, and so does everything before the next join. */
  cut(): void {
    this.#isCut = true;
    for (const reject of [...this.#open.keys()]) this.#settle(reject, () => reject(new Error("the connection is cut")));
  }

  /** Keeps the node from the store until {@link MemoryLog.reconnect}, as a pause of its process does. */
  isolate(): void {
    this.#isIsolated = true;
    this.cut();
  }

  reconnect(): void {
    this.#isIsolated = false;
  }

  async join(member: Member): Promise<LogJoin> {
    this.#isCut = this.#isIsolated;
    return this.#call(() => {
      const join = this.#store.join(member);
      // The node knows its session before it joins, as it chooses it.
      this.#node = member.node;
      this.#session = join.session;
      return join;
    });
  }

  append(batch: readonly Append[], head: number): Promise<readonly number[]> {
    const session = this.#session;
    const sent = structuredClone(batch);
    return this.#call(() => this.#store.append(this.#node, session, sent, head), true);
  }

  confirm(): Promise<void> {
    return this.#call(() => {
      if (this.#isDurable && !this.#store.isCopied) throw new LogRefusal("the copy is behind");
    }, true);
  }

  after(position: number, count: number): Promise<LogPage> {
    return this.#call(() => this.#store.after(position, count));
  }

  async wait(position: number): Promise<void> {
    const hasMore = () => this.#store.after(position, 1).records.length > 0;
    await this.#call(() => {});
    if (hasMore()) return;
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        stop();
        this.#store.waiting.delete(wake);
        this.#settle(reject, resolve);
      };
      const wake = () => hasMore() && end();
      this.#open.set(reject, (answer) => {
        stop();
        this.#store.waiting.delete(wake);
        answer();
      });
      const stop = this.#clock.at(this.#clock.now() + 2000, end);
      this.#store.waiting.add(wake);
    });
  }

  release(drops: readonly Drop[], forgotten: number): Promise<void> {
    return this.#call(() => this.#store.release(drops, forgotten));
  }

  renew(): Promise<void> {
    const session = this.#session;
    return this.#call(() => this.#store.renew(this.#node, session));
  }

  retire(): Promise<void> {
    const session = this.#session;
    return this.#call(() => this.#store.retire(this.#node, session));
  }

  leave(): void {
    this.cut();
  }

  #call<T>(execute: () => T, canRefuse = false): Promise<T> {
    const fault = this.#faults.shift();
    return new Promise((resolve, reject) => {
      if (this.#isDead) return;
      if (this.#isCut) return reject(new Error("the connection is cut"));
      this.#open.set(reject, (answer) => answer());
      if (fault === "lost call") return this.cut();
      if (fault === "refused" && canRefuse) {
        return this.#settle(reject, () => reject(new LogRefusal("out of memory")));
      }
      this.#network.submit(() => {
        if (this.#isDead) return;
        let answer: () => void;
        try {
          const value = execute();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error);
        }
        if (fault === "lost answer") this.cut();
        else if (fault !== "no answer") setImmediate(() => this.#settle(reject, answer));
      });
    });
  }

  #settle(call: (error: Error) => void, answer: () => void): void {
    const settle = this.#open.get(call);
    if (settle === undefined || this.#isDead) return;
    this.#open.delete(call);
    if (this.#answers === undefined) settle(answer);
    else this.#answers.push(() => settle(answer));
  }
}
