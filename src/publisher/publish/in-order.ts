import { AsyncLocalStorage } from "node:async_hooks";
import { isThenable } from "../../shared/text.js";

/** A piece of work that is in progress. Calls from within it must not wait for it. */
interface Turn {
  ended: boolean;
}

/**
 * Runs work in the order of the calls, although pieces can take different times to prepare.
 *
 * Pieces prepare concurrently. The work of a piece starts after all earlier pieces that share a key have ended, whether
 * they succeeded or failed. Work started from within another piece runs without waiting, because the two would
 * deadlock.
 */
export class InOrder {
  /** The end of the latest piece, by key. */
  readonly #ends = new Map<unknown, Promise<unknown>>();
  readonly #turns = new AsyncLocalStorage<Turn>();

  /** Whether work would start at once, for any keys. */
  get isIdle(): boolean {
    return this.#ends.size === 0;
  }

  /**
   * Runs a piece of work after all earlier pieces that share a key.
   *
   * @param prepare - Called at once.
   * @param work - Called with the prepared value. Called at once if all earlier pieces have ended and `prepare` is
   * synchronous.
   */
  run<P, T>(keys: readonly unknown[], prepare: () => P | Promise<P>, work: (prepared: P) => Promise<T>): Promise<T> {
    if (this.#turns.getStore()?.ended === false) return this.#alone(prepare, work);
    const earlier = [...new Set(keys.flatMap((key) => this.#ends.get(key) ?? []))];
    const turn: Turn = { ended: false };
    const result = this.#turns.run(turn, () => this.#alone(prepare, work, earlier));
    const end = Promise.allSettled([...earlier, result]).then(() => {
      turn.ended = true;
      for (const key of keys) if (this.#ends.get(key) === end) this.#ends.delete(key);
    });
    for (const key of keys) this.#ends.set(key, end);
    return result;
  }

  async #alone<P, T>(
    prepare: () => P | Promise<P>,
    work: (prepared: P) => Promise<T>,
    earlier: readonly Promise<unknown>[] = [],
  ): Promise<T> {
    const preparation = prepare();
    const prepared = isThenable(preparation) ? await preparation : preparation;
    if (earlier.length > 0) await Promise.all(earlier);
    return work(prepared);
  }
}
