/** How many patterns are kept for the next who asks for them, by what they cost; compiling costs far more than matching. */
const capacity = 32_000;

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
  readonly #capacity: number;
  #keptCost = 0;

  constructor(limit: number = capacity) {
    this.#capacity = limit;
  }

  /** How much those cost together that are kept for the next, whether anybody has them or not. */
  get keptCost(): number {
    return this.#keptCost;
  }

  get(key: string, compile: () => T): T {
    const pattern = this.#alive.get(key)?.deref() ?? this.#add(key, compile());
    this.#keep(key, pattern);
    return pattern;
  }

  #add(key: string, pattern: T): T {
    this.#alive.set(key, new WeakRef(pattern));
    this.#registry.register(pattern, key);
    return pattern;
  }

  #keep(key: string, pattern: T): void {
    if (this.#kept.delete(key)) this.#keptCost -= pattern.cost;
    this.#kept.set(key, pattern);
    this.#keptCost += pattern.cost;
    if (this.#keptCost <= this.#capacity) return;
    for (const [oldest, { cost }] of this.#kept) {
      if (this.#keptCost <= this.#capacity) break;
      this.#kept.delete(oldest);
      this.#keptCost -= cost;
    }
  }
}
