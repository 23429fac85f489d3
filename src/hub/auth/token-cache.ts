import type { KeySource } from "./keys.js";
import type { VerifiedToken } from "./verified-token.js";

interface CachedToken {
  readonly verified: VerifiedToken;
  readonly source: KeySource;
  readonly version: string | number;
}

/** The max number of cached tokens. Request heads bound their length, in Node to 16 KiB by default. */
const capacity = 1000;

/**
 * Caches verified tokens by their encoded form, so frequent publishers skip signature checks. A hit never outlives the
 * token's `exp`, nor the keys that verified it. The cache holds no invalid tokens: strangers can send unlimited numbers
 * of them.
 */
export class TokenCache {
  readonly #entries = new Map<string, CachedToken>();
  /** The entry that was added or read last. */
  #youngest: CachedToken | undefined;
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
    // A used entry moves to the end, so the least recently used one is evicted.
    if (entry !== this.#youngest) {
      this.#entries.delete(token);
      this.#set(token, entry);
    }
    return verified;
  }

  /**
   * Adds a verified token, and evicts the least recently used one at capacity.
   *
   * @param version - The version of the keys when they were used. With undefined, nothing is cached.
   */
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

  #set(token: string, entry: CachedToken): void {
    this.#entries.set(token, entry);
    this.#youngest = entry;
  }
}
