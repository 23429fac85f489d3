import type { IncomingMessage } from "node:http";
import { addressOf } from "./connection-quotas.js";
import type { MemoryClaim } from "./memory-account.js";
import type { SubscriptionBudget } from "./subscription-budget.js";

/** What a string of a head takes besides its characters, once as it came and once in `headers` (measured, rounded up). */
const bytesPerString = 48;

/** The part of a request that is not counted. Those of browsers are about as large. */
const usualRequest = 4096;

/**
 * Estimates the memory that a stream's request takes beyond a usual one, in bytes. Node keeps heads as long as the
 * response is open, and bounds their length, while many short headers take many times their length.
 *
 * @param subscriptions - What the stream takes for its matchers by itself.
 */
export function excessOfRequest({ rawHeaders, url = "" }: IncomingMessage, subscriptions: number): number {
  let bytes = subscriptions + 2 * url.length + bytesPerString * rawHeaders.length;
  for (const text of rawHeaders) bytes += text.length;
  return Math.max(0, bytes - usualRequest);
}

/** What the body of a request takes beyond a usual one while it is read. */
export class BodyClaim implements MemoryClaim {
  readonly address: string;
  readonly audience = undefined;
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

  /** @throws Refusal when there is no room for so many bytes more. */
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
