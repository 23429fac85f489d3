import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** The max total weight of the retained patterns, in instructions. Compiling costs far more than matching. */
const capacity = 32_000;

/** The max number of cached compile errors, and the max length of the key of each, in UTF-16 units. */
const maxRefusals = 500;
const maxRefusedLength = 4_096;

/** The number of characters of a pattern that weigh as much as one of its instructions. */
const charactersPerCost = 16;

interface Pattern {
  readonly cost: number;
}

/**
 * Shares equal patterns between all subscribers and tokens that use them. The pool also retains recent patterns after
 * their last use, and evicts the least recently requested one first.
 */
export class PatternPool<T extends Pattern> {
  readonly #alive = new Map<string, WeakRef<T>>();
  readonly #registry = new FinalizationRegistry<string>((key) => {
    // A new pattern can have replaced the collected one by now.
    if (this.#alive.get(key)?.deref() === undefined) this.#alive.delete(key);
  });
  readonly #kept = new Map<string, T>();
  readonly #refused = new OldestFirstMap<string, unknown>();
  readonly #capacity: number;
  /** The total weight of the retained patterns, whether or not they are in use. */
  #keptCost = 0;

  constructor(limit: number = capacity) {
    this.#capacity = limit;
  }

  /**
   * Returns the pattern of a key, compiled at most once. Errors are cached too, so repeated requests for an invalid
   * pattern cost nothing.
   *
   * @throws The error that `compile` threw for this key.
   */
  get(key: string, compile: () => T): T {
    if (this.#refused.has(key)) throw this.#refused.get(key);
    const pattern = this.#alive.get(key)?.deref() ?? this.#add(key, this.#attempt(key, compile));
    this.#keep(key, pattern);
    return pattern;
  }

  #attempt(key: string, compile: () => T): T {
    try {
      return compile();
    } catch (error) {
      if (key.length <= maxRefusedLength) this.#refused.set(key, error);
      if (this.#refused.size > maxRefusals) this.#refused.shift();
      throw error;
    }
  }

  #add(key: string, pattern: T): T {
    this.#alive.set(key, new WeakRef(pattern));
    this.#registry.register(pattern, key);
    return pattern;
  }

  #keep(key: string, pattern: T): void {
    const weight = weightOf(key, pattern);
    if (this.#kept.delete(key)) this.#keptCost -= weight;
    this.#kept.set(key, pattern);
    this.#keptCost += weight;
    if (this.#keptCost <= this.#capacity) return;
    for (const [oldest, kept] of this.#kept) {
      if (this.#keptCost <= this.#capacity) break;
      this.#kept.delete(oldest);
      this.#keptCost -= weightOf(oldest, kept);
    }
  }
}

/**
 * Returns the weight of a pattern. Text with braces that is not a template costs nothing to match, but still takes
 * memory.
 */
function weightOf(key: string, { cost }: Pattern): number {
  return Math.max(cost, Math.ceil(key.length / charactersPerCost));
}
