import type { Matcher } from "../protocol/matcher.js";
import type { ConnectionLimits } from "./connection-limits.js";
import type { PatternBudget } from "./pattern-budget.js";

/** What all streams share that is bounded. */
export interface Bounds {
  readonly connections: ConnectionLimits;
  readonly patterns: PatternBudget;
}

/** The place that a stream takes among all, until it leaves. */
export class Admission {
  readonly #bounds: Bounds;
  readonly #address: string;
  readonly #subject: string | undefined;
  readonly #patterns: readonly Matcher[];
  #isInside = true;

  /** @throws Refusal when there is no room. */
  constructor(bounds: Bounds, address: string, subject: string | undefined, patterns: readonly Matcher[]) {
    this.#bounds = bounds;
    this.#address = address;
    this.#subject = subject;
    this.#patterns = patterns;
    bounds.connections.enter(address, subject);
    try {
      bounds.patterns.enter(patterns);
    } catch (error) {
      bounds.connections.leave(address, subject);
      throw error;
    }
  }

  /** Counts once, however often it is called. */
  leave(): void {
    if (!this.#isInside) return;
    this.#isInside = false;
    this.#bounds.connections.leave(this.#address, this.#subject);
    this.#bounds.patterns.leave(this.#patterns);
  }
}
