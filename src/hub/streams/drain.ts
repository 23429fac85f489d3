import type { Clock } from "../../shared/clock.js";
import type { Subscriber } from "./subscriber.js";
import { delayWithin, type Subscribers } from "./subscribers.js";

/** The time between two steps of a drain, in milliseconds. */
const interval = 100;
/** The spread of the clients' reconnection delays, in seconds. It is short, because the streams do not end together. */
const retrySpread = 1;

/** The other nodes, as a node that drains needs them. */
interface Successors {
  /** Whether another node takes new streams, as far as this node knows. */
  readonly hasSuccessor: boolean;
  /** Resolves when this node knows what the others have told before, or after a second. */
  catchUp(): Promise<void>;
}

/**
 * Hands the streams of a node over to other nodes: ends them one after the other, in a random order, at an even rate.
 * Each client is told to return soon, and resumes at another node after the last update that it has received. The hub
 * serves streams that begin meanwhile, and ends them last.
 */
export class Drain {
  /** Resolves when no stream is left, the time is over, or no other node takes streams. */
  readonly done: Promise<void>;
  readonly #subscribers: Subscribers<Subscriber>;
  readonly #successors: Successors;
  readonly #clock: Clock;
  readonly #end: number;
  #isOver = false;
  #queue: Subscriber[] = [];
  #cancel = () => {};
  #resolve!: () => void;

  /** @param seconds - The max time of the drain. */
  constructor(subscribers: Subscribers<Subscriber>, successors: Successors, clock: Clock, seconds: number) {
    this.#subscribers = subscribers;
    this.#successors = successors;
    this.#clock = clock;
    this.#end = clock.now() + seconds * 1000;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#wait();
  }

  /** Ends the drain at once. The remaining streams stay open. */
  finish(): void {
    this.#isOver = true;
    this.#cancel();
    this.#resolve();
  }

  #wait(): void {
    const now = this.#clock.now();
    if (this.#subscribers.size === 0 || now >= this.#end) this.finish();
    else if (this.#successors.hasSuccessor) this.#cancel = this.#clock.at(now + interval, () => this.#step());
    else void this.#seek();
  }

  /** Ends the drain, unless another node has begun to take streams and this one has only not heard of it yet. */
  async #seek(): Promise<void> {
    await this.#successors.catchUp();
    if (this.#isOver) return;
    if (this.#successors.hasSuccessor) this.#wait();
    else this.finish();
  }

  #step(): void {
    const steps = Math.max(1, Math.ceil((this.#end - this.#clock.now()) / interval) + 1);
    const { size } = this.#subscribers;
    let count = this.#successors.hasSuccessor ? Math.ceil(size / steps) : 0;
    if (this.#queue.length < count) this.#queue = shuffled([...this.#subscribers]);
    while (count > 0 && this.#queue.length > 0) if (this.#queue.pop()!.handOver(delayWithin(retrySpread))) count--;
    this.#wait();
  }
}

function shuffled<T>(all: T[]): T[] {
  for (let i = all.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [all[i], all[other]] = [all[other]!, all[i]!];
  }
  return all;
}
