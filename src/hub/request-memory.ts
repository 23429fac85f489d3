import type { IncomingMessage } from "node:http";
import { addressOf } from "./connection-limits.js";
import type { MemoryClaim } from "./memory-account.js";
import type { SubscriptionBudget } from "./subscription-budget.js";

/** What a string of a head takes besides its characters, once as it came and once in `headers` (measured, rounded up). */
const bytesPerString = 48;

/** The part of a head that is not counted. Those of browsers are about as large. */
const usualHead = 4096;

/** What a request takes whose body is being read, besides the body. */
const bytesPerRequest = 16 * 1024;

/**
 * Estimates the memory that a request's head takes beyond a usual one, in bytes. Node keeps heads as long as the
 * response is open, and bounds their length, while many short headers take many times their length.
 */
export function excessOfHead({ rawHeaders, url = "" }: IncomingMessage): number {
  let bytes = 2 * url.length + bytesPerString * rawHeaders.length;
  for (const text of rawHeaders) bytes += text.length;
  return Math.max(0, bytes - usualHead);
}

/** What the body of a request takes while it is read. */
export class BodyClaim implements MemoryClaim {
  readonly address: string;
  readonly audience = undefined;
  readonly #budget: SubscriptionBudget;
  #bytes = bytesPerRequest;

  /** @throws Refusal when there is no room. */
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
    this.#budget.growBody(this, bytes);
    this.#bytes += bytes;
  }

  leave(): void {
    this.#budget.leaveBody(this);
  }
}
