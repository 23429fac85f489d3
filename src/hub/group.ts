import type { MatcherList } from "../protocol/matcher.js";
import type { StoredUpdate } from "../transport/transport.js";
import type { Audience } from "./audience.js";
import { Backlog } from "./backlog.js";
import { Chunk } from "./chunk.js";
import type { Recipient } from "./dispatcher.js";
import type { EncodedEvents } from "./encoded-events.js";
import type { TurnEnd, Turns } from "./turns.js";

/** What a group knows of a subscriber. */
export interface Member {
  /** Everything up to here is written, or not for this member. Says nothing of one that is live. */
  readonly position: number;
  /** Where the order of updates was when the member came. */
  readonly joinedAt: number;

  /** Writes to a member that is live; returns whether it could take it. */
  deliver(chunk: Chunk): boolean;

  /** Tells a member that could not that it is behind: it has everything up to a position. */
  fallBehind(position: number): void;

  end(): void;
}

export interface GroupOptions {
  readonly events: EncodedEvents;
  readonly turns: Turns;
  /** How far a member may be behind; 0 for as far as history reaches. */
  readonly maxBacklogBytes: number;
}

/**
 * All subscribers of one audience. What is the same for all of them is done once, here: an update is authorized once,
 * and what one turn of the event loop brings becomes one buffer, and one write for each socket.
 */
export class Group<M extends Member = Member> implements Recipient, TurnEnd {
  readonly audience: Audience;
  readonly #events: EncodedEvents;
  readonly #turns: Turns;
  /** Members to whom updates are written as they come. */
  readonly #live = new Set<M>();
  /** Members who read history. */
  readonly #behind = new Set<M>();
  readonly #backlog: Backlog;
  /** Accepted in this turn, not yet written. */
  #pending: StoredUpdate[] = [];
  #receivedThrough = 0;

  constructor(audience: Audience, { events, turns, maxBacklogBytes }: GroupOptions) {
    this.audience = audience;
    this.#events = events;
    this.#turns = turns;
    this.#backlog = new Backlog(maxBacklogBytes);
  }

  get matchers(): MatcherList {
    return this.audience.matchers;
  }

  get size(): number {
    return this.#live.size + this.#behind.size;
  }

  /** Takes in a member who is behind. */
  add(member: M): void {
    this.#behind.add(member);
  }

  /** Returns whether it was a member. */
  remove(member: M): boolean {
    return this.#live.delete(member) || this.#behind.delete(member);
  }

  /** From now on what comes is written to the member, new or behind, who has everything that was dispatched before. */
  goLive(member: M): void {
    // What waits for the end of this turn is for the others: the member has read it in history.
    this.endTurn();
    this.#behind.delete(member);
    this.#live.add(member);
  }

  receive(stored: StoredUpdate): void {
    // Once for each of its topics that match.
    if (stored.position <= this.#receivedThrough) return;
    this.#receivedThrough = stored.position;
    if (!this.audience.mayRead(stored.update)) return;
    if (this.#pending.push(stored) === 1) this.#turns.atEnd(this);
  }

  /** Writes what the turn has brought. */
  endTurn(): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    const before = pending[0]!.position - 1;
    const chunk = new Chunk(pending.map((stored) => this.#events.of(stored)));
    for (const member of this.#live) {
      if (member.deliver(chunk)) continue;
      this.#live.delete(member);
      this.#behind.add(member);
      member.fallBehind(before);
    }
    if (this.#behind.size === 0) this.#backlog.clear();
    else if (this.#backlog.add(pending.at(-1)!.position, chunk.bytes.length)) this.#cut();
  }

  *[Symbol.iterator](): Generator<M, void> {
    yield* this.#live;
    yield* this.#behind;
  }

  end(): void {
    for (const member of this) member.end();
  }

  /** Ends whoever is further behind than the bound. */
  #cut(): void {
    const { horizon } = this.#backlog;
    for (const member of this.#behind) {
      if (member.position <= horizon && member.joinedAt <= horizon) member.end();
    }
  }
}
