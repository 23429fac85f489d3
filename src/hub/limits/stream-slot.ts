import type { IncomingMessage } from "node:http";
import { bytesOfSubscriptions } from "../../protocol/matching/subscription-memory.js";
import type { Chunk } from "../fan-out/chunk.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";
import { addressOf, type ConnectionQuotas, type SlotHolder } from "./connection-quotas.js";
import type { MemoryClaim } from "./memory-account.js";
import { excessOfRequest, usualRequest } from "./request-memory.js";
import type { SubscriptionBudget } from "./subscription-budget.js";

/** The limits that all streams share. */
export interface Quotas {
  readonly connections: ConnectionQuotas<StreamSlot>;
  readonly memory: SubscriptionBudget;
}

/** The share of a stream in the limits, from its admission until it leaves. */
export class StreamSlot implements SlotHolder, MemoryClaim {
  readonly subject: string | undefined;
  readonly scope: SubscriptionScope;
  readonly bytes: number;
  place: number | undefined = undefined;
  isCounted = false;
  #waiting: Chunk | undefined;
  readonly #bounds: Quotas;
  readonly #req: IncomingMessage;
  #address: string | undefined;

  /**
   * @param last - The share of the connection that this one replaces.
   * @throws HttpProblem when a limit is reached.
   */
  constructor(
    bounds: Quotas,
    req: IncomingMessage,
    subject: string | undefined,
    requested: SubscriptionScope,
    last?: StreamSlot,
  ) {
    this.subject = subject;
    this.#bounds = bounds;
    this.#req = req;
    this.scope = bounds.memory.scopeLike(requested);
    this.bytes = excessOfRequest(req, bytesOfSubscriptions(requested.matchers));
    bounds.connections.acquire(this, last);
    try {
      bounds.memory.enter(this);
    } catch (error) {
      bounds.connections.release(this, last);
      throw error;
    }
  }

  /** The client's address, cached on first use: a closed socket has lost it. */
  get address(): string {
    this.#address ??= addressOf(this.#req);
    return this.#address;
  }

  /** The counted events that wait for the client. */
  get waiting(): Chunk | undefined {
    return this.#waiting;
  }

  /**
   * Counts events that wait for the client, besides a usual number. They replace the events that it counted before.
   *
   * @throws HttpProblem when a memory limit is reached.
   */
  hold(chunk: Chunk): void {
    this.letGo();
    if (chunk.framed.length <= usualRequest) return;
    this.#bounds.memory.hold(this, chunk);
    this.#waiting = chunk;
  }

  /** Counts out the events that no longer wait. */
  letGo(): void {
    if (this.#waiting === undefined) return;
    this.#bounds.memory.letGo(this);
    this.#waiting = undefined;
  }

  /**
   * Gives the share back. Further calls have no effect.
   *
   * @param last - The share of the connection that this one could not replace.
   */
  release(last?: StreamSlot): void {
    if (this.#bounds.connections.release(this, last)) this.#bounds.memory.leave(this);
  }
}
