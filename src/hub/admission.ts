import type { IncomingMessage } from "node:http";
import type { Matcher } from "../protocol/matcher.js";
import { addressOf, type Client, type ConnectionLimits } from "./connection-limits.js";
import type { PatternBudget } from "./pattern-budget.js";

/** What all streams share that is bounded. */
export interface Bounds {
  readonly connections: ConnectionLimits;
  readonly patterns: PatternBudget;
}

/** The place that a stream takes among all, until it leaves. */
export class Admission implements Client {
  readonly subject: string | undefined;
  place: number | undefined = undefined;
  readonly #bounds: Bounds;
  readonly #req: IncomingMessage;
  readonly #patterns: readonly Matcher[];
  #address: string | undefined;

  /** @throws Refusal when there is no room. */
  constructor(bounds: Bounds, req: IncomingMessage, subject: string | undefined, patterns: readonly Matcher[]) {
    this.subject = subject;
    this.#bounds = bounds;
    this.#req = req;
    this.#patterns = patterns;
    bounds.connections.enter(this);
    try {
      bounds.patterns.enter(patterns);
    } catch (error) {
      bounds.connections.leave(this);
      throw error;
    }
  }

  /** Kept once it was asked for: a socket that has closed does not know it any more. */
  get address(): string {
    this.#address ??= addressOf(this.#req);
    return this.#address;
  }

  /** Counts once, however often it is called. */
  leave(): void {
    if (this.#bounds.connections.leave(this)) this.#bounds.patterns.leave(this.#patterns);
  }
}
