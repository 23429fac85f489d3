import { tooManyConnections } from "../../protocol/problem.js";
import type { Audience } from "../fan-out/subscription-scope.js";
import { MemoryAccount, type MemoryClaim } from "./memory-account.js";

/** How much memory clients may take, in bytes; 0 for any amount. */
export interface MemoryBounds {
  readonly total: number;
  readonly perAddress: number;
}

/**
 * Bounds the memory that clients can make the hub keep: topics by name and patterns, in all streams and in those of each
 * address, large heads of requests, and bodies while they are read. It counts upper estimates, and only what is more than
 * usual: a stream that asks for little always has room.
 */
export class SubscriptionBudget {
  readonly #bounds: MemoryBounds;
  readonly #streams: Iterable<MemoryClaim>;
  readonly #bodies = new Set<MemoryClaim>();
  readonly #total = new MemoryAccount();
  readonly #audiences = new Map<string, Audience>();
  /**
   * Undefined while all together take less than one address may: then no address has too much, and nobody needs to ask
   * the system where each comes from.
   */
  #byAddress: Map<string, MemoryAccount> | undefined;

  /** @param streams - All open streams, with the one that enters. */
  constructor(bounds: MemoryBounds, streams: Iterable<MemoryClaim>) {
    this.#bounds = bounds;
    this.#streams = streams;
  }

  /** What all take together, by this estimate. */
  get bytes(): number {
    return this.#total.bytes;
  }

  /** The audience of the streams that ask for the same, so that each is in memory once. */
  audienceLike(audience: Audience): Audience {
    return this.#audiences.get(audience.key) ?? audience;
  }

  /**
   * Lets a stream in.
   *
   * @throws Refusal when there is no room for what it asks for.
   */
  enter(stream: MemoryClaim & { readonly audience: Audience }): void {
    this.#admit(stream);
    this.#audiences.set(stream.audience.key, stream.audience);
  }

  leave(stream: MemoryClaim & { readonly audience: Audience }): void {
    this.#remove(stream);
    if (!this.#total.has(stream.audience)) this.#audiences.delete(stream.audience.key);
  }

  /** Notes a body that is about to be read, and takes nothing yet. */
  enterBody(body: MemoryClaim): void {
    this.#bodies.add(body);
  }

  leaveBody(body: MemoryClaim): void {
    if (this.#bodies.delete(body)) this.#remove(body);
  }

  /**
   * Counts what a body takes more. The caller adds it to the claim afterwards.
   *
   * @throws Refusal when there is no room for it.
   */
  growBody(body: MemoryClaim, bytes: number): void {
    const accounts = this.#accountsFor(body, bytes);
    for (const account of accounts) account.grow(bytes);
  }

  #admit(claim: MemoryClaim): void {
    const accounts = this.#accountsFor(claim, this.#total.needed(claim), claim);
    for (const account of accounts) account.add(claim);
  }

  /** The accounts that a claim counts in, all of which have room for so many bytes more. */
  #accountsFor({ address }: MemoryClaim, more: number, entering?: MemoryClaim): readonly MemoryAccount[] {
    const { total, perAddress } = this.#bounds;
    if (isExceeded(this.#total.bytes + more, total)) {
      throw tooManyConnections("The hub has as many topics and patterns as it takes. Subscribe to fewer.");
    }
    if (perAddress === 0) return [this.#total];
    if (this.#byAddress === undefined) {
      if (this.#total.bytes + more <= perAddress) return [this.#total];
      this.#byAddress = this.#accounts(entering);
    }
    const account = accountOf(this.#byAddress, address);
    const moreHere = entering === undefined ? more : account.needed(entering);
    if (isExceeded(account.bytes + moreHere, perAddress)) {
      if (account.isEmpty) this.#byAddress.delete(address);
      throw tooManyConnections("The streams from this address ask for too much together. Subscribe to fewer topics.");
    }
    return [this.#total, account];
  }

  #accounts(entering: MemoryClaim | undefined): Map<string, MemoryAccount> {
    const accounts = new Map<string, MemoryAccount>();
    const add = (claim: MemoryClaim) => {
      if (claim !== entering) accountOf(accounts, claim.address).add(claim);
    };
    for (const stream of this.#streams) add(stream);
    for (const body of this.#bodies) add(body);
    return accounts;
  }

  #remove(claim: MemoryClaim): void {
    this.#total.remove(claim);
    const account = this.#byAddress?.get(claim.address);
    if (account === undefined) return;
    account.remove(claim);
    if (account.isEmpty) this.#byAddress!.delete(claim.address);
    // Well below the bound, or the accounts would be made again and again.
    if (this.#total.bytes < this.#bounds.perAddress / 2) this.#byAddress = undefined;
  }
}

function accountOf(accounts: Map<string, MemoryAccount>, address: string): MemoryAccount {
  let account = accounts.get(address);
  if (account === undefined) {
    account = new MemoryAccount();
    accounts.set(address, account);
  }
  return account;
}

function isExceeded(bytes: number, bound: number): boolean {
  return bound !== 0 && bytes > bound;
}
