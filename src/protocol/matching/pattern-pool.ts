import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** How many patterns are kept for the next who asks for them, by what they cost; compiling costs far more than matching. */
const capacity = 32_000;

/** The max number of refusals that are remembered, and the max length of the pattern of each, in UTF-16 units. */
const mostRefusals = 500;
const longestRefused = 4_096;

/** So many characters of a pattern weigh as much as one instruction of it. */
const charactersPerCost = 16;

interface Pattern {
  readonly cost: number;
}

/**
 * Equal patterns are one as long as anybody has it, however many subscribers and tokens that are, and for some time
 * longer: the one that was asked for longest ago is given up first.
 */
export class SharedPatterns<T extends Pattern> {
  readonly #alive = new Map<string, WeakRef<T>>();
  readonly #registry = new FinalizationRegistry<string>((key) => {
    // There may be a new one by now.
    if (this.#alive.get(key)?.deref() === undefined) this.#alive.delete(key);
  });
  readonly #kept = new Map<string, T>();
  readonly #refused = new OldestFirstMap<string, unknown>();
  readonly #capacity: number;
  #keptCost = 0;

  constructor(limit: number = capacity) {
    this.#capacity = limit;
  }

  /** How much those cost together that are kept for the next, whether anybody has them or not. */
  get keptCost(): number {
    return this.#keptCost;
  }

  /**
   * Returns the pattern of a key, compiled at most once. A refusal is remembered too: the same pattern asked for again and
   * again costs nothing.
   *
   * @throws What `compile` has thrown for this key.
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
      if (key.length <= longestRefused) this.#refused.set(key, error);
      if (this.#refused.size > mostRefusals) this.#refused.shift();
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

/** Text with braces that is no template costs nothing to match, and takes memory all the same. */
function weightOf(key: string, { cost }: Pattern): number {
  return Math.max(cost, Math.ceil(key.length / charactersPerCost));
}
