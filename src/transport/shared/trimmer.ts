import { timeOfPosition } from "../positions.js";
import type { Drop } from "./shared-log.js";

interface WaitingDrop extends Drop {
  readonly bytes: number;
}

/** The max number of records that one call deletes. */
const maxBatch = 500;

/**
 * Collects the records that no history holds, until they can be deleted from the log.
 *
 * All nodes drop the same records. The node whose publish has evicted them deletes them. A record stays until
 * it is old enough that nodes a little behind have received it.
 */
export class Trimmer {
  readonly #grace: number;
  readonly #maxBytes: number;
  #waiting: WaitingDrop[] = [];
  #bytes = 0;

  /**
   * @param grace - The min age of a deleted record, in milliseconds.
   * @param maxBytes - The max size of the waiting records, in bytes. Above it, the oldest are deleted earlier.
   */
  constructor(grace: number, maxBytes: number) {
    this.#grace = grace;
    this.#maxBytes = maxBytes;
  }

  add(drop: Drop, bytes: number): void {
    this.#waiting.push({ ...drop, bytes });
    this.#bytes += bytes;
  }

  /** Removes and returns the records that can be deleted at a time, by the store's clock. */
  due(now: number): Drop[] {
    let count = 0;
    let bytes = this.#bytes;
    for (const { position, bytes: own } of this.#waiting) {
      const isDue = timeOfPosition(position) <= now - this.#grace || bytes > this.#maxBytes;
      if (!isDue || count === maxBatch) break;
      bytes -= own;
      count++;
    }
    this.#bytes = bytes;
    return this.#waiting.splice(0, count);
  }

  /** Puts back the records that could not be deleted. */
  restore(drops: readonly Drop[]): void {
    this.#waiting.unshift(...drops.map((drop) => ({ ...drop, bytes: 0 })));
  }
}
