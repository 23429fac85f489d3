import { tooManyConnections } from "../../protocol/problem.js";
import type { Chunk } from "../fan-out/chunk.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";
import { MemoryAccount, type MemoryClaim } from "./memory-account.js";

/** The max memory of clients, in bytes; 0 for unlimited. */
export interface MemoryBounds {
  readonly total: number;
  readonly perAddress: number;
}

/**
 * Bounds the memory that clients can make the hub keep, in total and for each address: topics and patterns of streams,
 * large request heads, bodies while they are read, and events that wait for slow readers. It counts upper estimates
 * beyond the usual size, so small streams are always admitted.
 */
export class SubscriptionBudget {
  readonly #bounds: MemoryBounds;
  readonly #streams: Iterable<MemoryClaim>;
  readonly #bodies = new Set<MemoryClaim>();
  readonly #total = new MemoryAccount();
  readonly #scopes = new Map<string, SubscriptionScope>();
  /**
   * Memory by address. Undefined while the total is below the limit of one address: no address exceeds its limit then,
   * which saves asking the system for each client's address.
   */
  #byAddress: Map<string, MemoryAccount> | undefined;

  /** @param streams - All open streams, including the entering one. */
  constructor(bounds: MemoryBounds, streams: Iterable<MemoryClaim>) {
    this.#bounds = bounds;
    this.#streams = streams;
  }

  /** The estimated memory of all clients, in bytes. */
  get bytes(): number {
    return this.#total.bytes;
  }

  /** Returns the equal scope of an open stream, if any, so that equal scopes share memory. */
  scopeLike(scope: SubscriptionScope): SubscriptionScope {
    return this.#scopes.get(scope.key) ?? scope;
  }

  /**
   * Admits a stream.
   *
   * @throws HttpProblem when a memory limit is reached.
   */
  enter(stream: MemoryClaim & { readonly scope: SubscriptionScope }): void {
    this.#admit(stream);
    this.#scopes.set(stream.scope.key, stream.scope);
  }

  leave(stream: MemoryClaim & { readonly scope: SubscriptionScope }): void {
    this.#remove(stream);
    if (!this.#total.has(stream.scope)) this.#scopes.delete(stream.scope.key);
  }

  /** Registers a body that is about to be read. It takes no memory yet. */
  enterBody(body: MemoryClaim): void {
    this.#bodies.add(body);
  }

  leaveBody(body: MemoryClaim): void {
    if (this.#bodies.delete(body)) this.#remove(body);
  }

  /**
   * Counts more bytes of a body. The caller adds them to the claim afterwards.
   *
   * @throws HttpProblem when a memory limit is reached.
   */
  growBody(body: MemoryClaim, bytes: number): void {
    const accounts = this.#accountsFor(body, () => bytes);
    for (const account of accounts) account.grow(bytes);
  }

  /**
   * Counts events that wait for the client of an open stream. The caller adds them to the claim afterwards.
   *
   * @throws HttpProblem when a memory limit is reached.
   */
  hold(stream: MemoryClaim, chunk: Chunk): void {
    const accounts = this.#accountsFor(stream, (account) => account.neededToHold(chunk));
    for (const account of accounts) account.hold(chunk);
  }

  /** Counts out the events that wait for a stream's client. The caller removes them from the claim afterwards. */
  letGo({ address, waiting }: MemoryClaim): void {
    if (waiting === undefined) return;
    this.#total.letGo(waiting);
    this.#byAddress?.get(address)?.letGo(waiting);
    this.#tidy(address);
  }

  #admit(claim: MemoryClaim): void {
    const accounts = this.#accountsFor(claim, (account) => account.needed(claim), claim);
    for (const account of accounts) account.add(claim);
  }

  /** Returns the accounts that count a claim. Throws a refusal unless all have room for the bytes that it needs. */
  #accountsFor(
    { address }: MemoryClaim,
    needed: (account: MemoryAccount) => number,
    entering?: MemoryClaim,
  ): readonly MemoryAccount[] {
    const { total, perAddress } = this.#bounds;
    const more = needed(this.#total);
    if (isExceeded(this.#total.bytes + more, total)) {
      throw tooManyConnections("The hub has reached its memory limit for topics and patterns. Subscribe to fewer.");
    }
    if (perAddress === 0) return [this.#total];
    if (this.#byAddress === undefined) {
      if (this.#total.bytes + more <= perAddress) return [this.#total];
      this.#byAddress = this.#accounts(entering);
    }
    const account = accountOf(this.#byAddress, address);
    if (isExceeded(account.bytes + needed(account), perAddress)) {
      if (account.isEmpty) this.#byAddress.delete(address);
      throw tooManyConnections("The streams from this address exceed their memory limit. Subscribe to fewer topics.");
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
    this.#byAddress?.get(claim.address)?.remove(claim);
    this.#tidy(claim.address);
  }

  /** Deletes the account of an address without memory, and all accounts when there is little memory. */
  #tidy(address: string): void {
    if (this.#byAddress?.get(address)?.isEmpty) this.#byAddress.delete(address);
    // The threshold is well below the limit, so that the accounts are not rebuilt again and again.
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
