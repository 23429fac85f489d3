import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** The max number of ends. */
const capacity = 100_000;
/** The max age of an end, in milliseconds. Other nodes know the end of a node much sooner. */
const maxAge = 600_000;

/**
 * Remembers which subscriptions of other nodes have ended, by the events that this node has received. History can evict
 * these events before the end of their node is known.
 */
export class HeardEnds {
  readonly #now: () => number;
  readonly #heardAt = new OldestFirstMap<string, number>();

  /** @param now - Returns the time by the store's clock, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param topic - The first topic of the event, which is unique to the subscription. */
  hear(topic: string, active: boolean): void {
    this.#heardAt.delete(topic);
    if (active) return;
    const now = this.#now();
    this.#heardAt.set(topic, now);
    for (const [, heardAt] of this.#heardAt) {
      if (heardAt > now - maxAge && this.#heardAt.size <= capacity) break;
      this.#heardAt.shift();
    }
  }

  forget(topic: string): void {
    this.#heardAt.delete(topic);
  }

  has(topic: string): boolean {
    return this.#heardAt.has(topic);
  }
}
