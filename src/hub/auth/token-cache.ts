import type { KeySource } from "./keys.js";
import type { VerifiedToken } from "./verified-token.js";

interface Entry {
  readonly verified: VerifiedToken;
  readonly source: KeySource;
  readonly version: string | number;
}

/** How many tokens are remembered. With what a request's head can hold, these are some megabytes at most. */
const capacity = 1000;

/**
 * What good tokens were worth, by their bytes, so that whoever publishes often does not pay for the signature each time.
 * A hit never outlives the token's `exp`, nor the keys that verified it. Bad tokens are not remembered: strangers can
 * make as many as they like.
 */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();
  /** Of the token that was added or asked for last. */
  #youngest: Entry | undefined;
  readonly #capacity: number;
  readonly #now: () => number;

  constructor(size = capacity, now: () => number = () => Date.now()) {
    this.#capacity = size;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(token: string): VerifiedToken | undefined {
    const entry = this.#entries.get(token);
    if (entry === undefined) return undefined;
    const { verified, source, version } = entry;
    if (source.version !== version || this.#now() >= (verified.expiresAt ?? Number.POSITIVE_INFINITY)) {
      this.#entries.delete(token);
      return undefined;
    }
    // What is in use stays.
    if (entry !== this.#youngest) {
      this.#entries.delete(token);
      this.#set(token, entry);
    }
    return verified;
  }

  /** @param version - Of the keys, as it was when they were used; undefined and nothing is remembered. */
  add(token: string, verified: VerifiedToken, source: KeySource, version: string | number | undefined): void {
    if (version === undefined) return;
    this.#entries.delete(token);
    this.#set(token, { verified, source, version });
    if (this.#entries.size <= this.#capacity) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  #set(token: string, entry: Entry): void {
    this.#entries.set(token, entry);
    this.#youngest = entry;
  }
}
