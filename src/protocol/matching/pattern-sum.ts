import type { Matcher } from "./matcher.js";

/** Adds up the sizes of patterns until a limit is exceeded. Equal patterns count once. */
export class PatternSum {
  readonly #known = new Set<Matcher>();
  #left: number;

  /** @param limit - The max total size, in instructions. */
  constructor(limit: number) {
    this.#left = limit;
  }

  /** Adds a matcher. Returns whether all patterns so far are within the limit together. */
  add(matcher: Matcher): boolean {
    if (matcher.cost === 0 || this.#known.has(matcher)) return this.#left >= 0;
    this.#known.add(matcher);
    this.#left -= matcher.cost;
    return this.#left >= 0;
  }
}
