import type { Matcher } from "../../protocol/matching/matcher.js";
import { bytesOfPattern } from "../../protocol/matching/subscription-memory.js";
import type { Chunk } from "../fan-out/chunk.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";

/** A holder of memory for a client: an open stream, or a request whose body is being read. */
export interface MemoryClaim {
  /** The client's address. */
  readonly address: string;
  /** The stream's topics and patterns; undefined while unknown. */
  readonly scope: SubscriptionScope | undefined;
  /** The unshared memory of the claim, in bytes. */
  readonly bytes: number;
  /** The events that wait for the client. */
  readonly waiting?: Chunk | undefined;
}

/** Adds up the memory of claims. Shared memory counts once: equal patterns, equal scopes, and events. */
export class MemoryAccount {
  readonly #uses = new Map<SubscriptionScope | Matcher | Chunk, number>();
  #bytes = 0;

  /** The memory of all claims, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether no claim is counted. */
  get isEmpty(): boolean {
    return this.#bytes === 0 && this.#uses.size === 0;
  }

  /** Whether a claim of this scope is counted. */
  has(scope: SubscriptionScope): boolean {
    return this.#uses.has(scope);
  }

  /** Returns the bytes that events would add if they waited for a client. */
  neededToHold(chunk: Chunk): number {
    return this.#uses.has(chunk) ? 0 : chunk.framed.length;
  }

  /** Counts events that wait for a client. */
  hold(chunk: Chunk): void {
    this.#use(chunk, chunk.framed.length);
  }

  /** Counts out events that {@link hold} has counted. */
  letGo(chunk: Chunk): void {
    this.#release(chunk, chunk.framed.length);
  }

  /** Returns the bytes that a claim would add. */
  needed({ scope, bytes }: MemoryClaim): number {
    if (scope === undefined) return bytes;
    let needed = bytes;
    if (!this.#uses.has(scope)) needed += scope.bytes;
    for (const pattern of compiled(scope)) if (!this.#uses.has(pattern)) needed += bytesOfPattern(pattern);
    return needed;
  }

  add({ scope, bytes, waiting }: MemoryClaim): void {
    this.grow(bytes);
    if (waiting !== undefined) this.hold(waiting);
    if (scope === undefined) return;
    this.#use(scope, scope.bytes);
    for (const pattern of compiled(scope)) this.#use(pattern, bytesOfPattern(pattern));
  }

  remove({ scope, bytes, waiting }: MemoryClaim): void {
    this.grow(-bytes);
    if (waiting !== undefined) this.letGo(waiting);
    if (scope === undefined) return;
    this.#release(scope, scope.bytes);
    for (const pattern of compiled(scope)) this.#release(pattern, bytesOfPattern(pattern));
  }

  /** Adds to the unshared memory of a counted claim. */
  grow(bytes: number): void {
    this.#bytes += bytes;
  }

  #use(shared: SubscriptionScope | Matcher | Chunk, bytes: number): void {
    const uses = this.#uses.get(shared);
    this.#uses.set(shared, (uses ?? 0) + 1);
    if (uses === undefined) this.#bytes += bytes;
  }

  #release(shared: SubscriptionScope | Matcher | Chunk, bytes: number): void {
    const uses = this.#uses.get(shared)! - 1;
    if (uses > 0) {
      this.#uses.set(shared, uses);
      return;
    }
    this.#uses.delete(shared);
    this.#bytes -= bytes;
  }
}

/** Returns the distinct patterns of a scope that take memory. */
function compiled({ patterns }: SubscriptionScope): Iterable<Matcher> {
  return patterns.length === 0 ? patterns : new Set(patterns.filter((pattern) => bytesOfPattern(pattern) > 0));
}
