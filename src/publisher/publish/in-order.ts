import { AsyncLocalStorage } from "node:async_hooks";
import { isThenable } from "../../shared/text.js";

/** Work that has begun to prepare; what is called from within it cannot wait for it. */
interface Turn {
  ended: boolean;
}

/**
 * Does work in the order of the calls, although each piece may take its time to prepare.
 *
 * Pieces prepare at the same time. The work of a piece begins when all earlier pieces that share a key have ended, whether
 * they succeeded or failed. Work that is called from within another piece does not wait: the two would wait for each
 * other.
 */
export class InOrder {
  /** For each key, when the last piece that was called ends. */
  readonly #ends = new Map<unknown, Promise<unknown>>();
  readonly #turns = new AsyncLocalStorage<Turn>();

  /** Whether work would begin at once, whatever its keys. */
  get isIdle(): boolean {
    return this.#ends.size === 0;
  }

  /**
   * @param prepare - Called at once.
   * @param work - Called at once too, where nothing is to be waited for.
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
