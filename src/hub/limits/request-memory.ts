import type { IncomingMessage } from "node:http";
import { addressOf } from "./connection-quotas.js";
import type { MemoryClaim } from "./memory-account.js";
import type { SubscriptionBudget } from "./subscription-budget.js";

/** Memory of a string of a head besides its characters, in `rawHeaders` and `headers` (measured, rounded up). */
const bytesPerString = 48;

/** The uncounted part of a request, in bytes. Requests of browsers are about this large. */
export const usualRequest = 4096;

/**
 * Estimates the memory that a stream's request takes beyond a usual one, in bytes. Node keeps heads while the response
 * is open. It bounds their length, but many short headers take many times their length.
 *
 * @param subscriptions - The unshared memory of the stream's matchers, in bytes.
 */
export function excessOfRequest({ rawHeaders, url = "" }: IncomingMessage, subscriptions: number): number {
  let bytes = subscriptions + 2 * url.length + bytesPerString * rawHeaders.length;
  for (const text of rawHeaders) bytes += text.length;
  return Math.max(0, bytes - usualRequest);
}

/** The memory that a request's body takes beyond a usual one while it is read. */
export class BodyClaim implements MemoryClaim {
  readonly address: string;
  readonly scope = undefined;
  readonly #budget: SubscriptionBudget;
  #size = 0;
  #bytes = 0;

  constructor(budget: SubscriptionBudget, req: IncomingMessage) {
    this.address = addressOf(req);
    this.#budget = budget;
    budget.enterBody(this);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Counts more bytes of the body.
   *
   * @throws HttpProblem when a memory limit is reached.
   */
  grow(bytes: number): void {
    this.#size += bytes;
    const more = Math.max(0, this.#size - usualRequest) - this.#bytes;
    this.#budget.growBody(this, more);
    this.#bytes += more;
  }

  leave(): void {
    this.#budget.leaveBody(this);
  }
}
