import type { Matcher } from "../protocol/matcher.js";
import { Refusal } from "../protocol/problem.js";

/** What a pattern takes, and what each instruction of its automaton takes besides, in bytes (measured, rounded up). */
const bytesPerPattern = 4096;
const bytesPerInstruction = 1024;

/**
 * Bounds what the patterns of all open streams take. Patterns that are equal are the same object, and count once: few
 * are ever different where an application makes them, and whoever makes up many shall not fill the hub's memory, nor
 * make every update be looked at with all of them.
 */
export class PatternBudget {
  readonly #limit: number;
  readonly #uses = new Map<Matcher, number>();
  #bytes = 0;

  /** @param limit - In bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What all patterns take together, by this estimate. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lets the patterns of a stream in, or throws the refusal. */
  enter(patterns: readonly Matcher[]): void {
    if (patterns.length === 0) return;
    const unknown = new Set(patterns.filter((pattern) => !this.#uses.has(pattern)));
    const needed = [...unknown].reduce((sum, pattern) => sum + bytesOf(pattern), 0);
    if (this.#bytes + needed > this.#limit) {
      const detail = "The hub has as many different patterns as it takes; ask for topics by their names.";
      throw new Refusal(429, detail, { "Retry-After": "10" });
    }
    this.#bytes += needed;
    for (const pattern of patterns) this.#uses.set(pattern, (this.#uses.get(pattern) ?? 0) + 1);
  }

  /** Lets out the patterns that were let in. */
  leave(patterns: readonly Matcher[]): void {
    for (const pattern of patterns) this.#release(pattern);
  }

  #release(pattern: Matcher): void {
    const uses = this.#uses.get(pattern)! - 1;
    if (uses > 0) {
      this.#uses.set(pattern, uses);
      return;
    }
    this.#uses.delete(pattern);
    this.#bytes -= bytesOf(pattern);
  }
}

/** The wildcard is no pattern that was compiled, and takes nothing. */
function bytesOf({ cost }: Matcher): number {
  return cost === 0 ? 0 : bytesPerPattern + bytesPerInstruction * cost;
}
