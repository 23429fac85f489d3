import type { Socket } from "node:net";
import type { MatcherList } from "../../protocol/matching/matcher.js";
import type { StoredUpdate } from "../../transport/transport.js";
import { Backlog } from "./backlog.js";
import { Chunk } from "./chunk.js";
import type { Recipient } from "./dispatcher.js";
import type { EncodedEvents } from "./encoded-events.js";
import type { Audience } from "./subscription-scope.js";
import type { TurnEnd, Turns } from "./tick-batch.js";

/** What a group knows of a subscriber. */
export interface Member {
  /** Everything up to here is written, or not for this member. Says nothing of one that is live. */
  readonly position: number;
  /** Where the order of updates was when the member came. */
  readonly joinedAt: number;

  /** Where the group may write chunks itself while the member is live; undefined where the member has to. */
  readonly chunkSocket: Socket | undefined;

  /** Writes to a member that is live; returns whether it can take more. */
  deliver(chunk: Chunk): boolean;

  /**
   * The socket has not taken all that the group wrote to it, and so the member can take no more.
   *
   * @param roomy - What the socket's `write` returned.
   */
  congested(roomy: boolean): void;

  /** Tells a live member that it is behind: it has everything up to a position. */
  fallBehind(position: number): void;

  /** Tells a member that is behind that it can read history now. */
  readOn(): void;

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
  /**
   * Live members, to whom updates are written as they come, by the sockets that the group writes to itself. A delivery
   * then looks at nothing else: to fetch member after member from memory is most of what it costs beside the system call.
   */
  readonly #live = new Map<Socket, M>();
  /** Live members who write themselves. */
  readonly #liveOtherwise = new Set<M>();
  /** Members who read history. */
  readonly #behind = new Set<M>();
  readonly #backlog: Backlog;
  /** Accepted in this turn, not yet written. */
  #pending: StoredUpdate[] = [];
  /** Whether somebody may be further behind than the bound since the last cut. */
  #horizonMoved = false;
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

  get privateTopics(): MatcherList {
    return this.audience.privateTopics;
  }

  get size(): number {
    return this.#live.size + this.#liveOtherwise.size + this.#behind.size;
  }

  /** Takes in a member who is behind. */
  add(member: M): void {
    this.#behind.add(member);
  }

  /** Returns whether it was a member. */
  remove(member: M): boolean {
    return this.#removeLive(member) || this.#behind.delete(member);
  }

  /**
   * From now on what comes is written to the member, new or behind, who has everything that was dispatched before and
   * can take more.
   */
  goLive(member: M): void {
    // What waits for the end of this turn is for the others: the member has read it in history.
    this.flush();
    this.#behind.delete(member);
    const { chunkSocket } = member;
    if (chunkSocket === undefined) this.#liveOtherwise.add(member);
    else this.#live.set(chunkSocket, member);
  }

  /** A live member becomes one that is behind; it has everything up to a position. */
  fallBehind(member: M, position: number): void {
    this.#removeLive(member);
    this.#behind.add(member);
    member.fallBehind(position);
  }

  receive(stored: StoredUpdate): void {
    // Once for each of its topics that match.
    if (stored.position <= this.#receivedThrough) return;
    this.#receivedThrough = stored.position;
    if (!this.audience.mayRead(stored.update)) return;
    if (this.#pending.push(stored) === 1) this.#turns.atEnd(this);
  }

  /** The members who were live are behind, and have yet to be told to read on. */
  missed({ position }: StoredUpdate): readonly M[] {
    // It may have been received by another of its topics.
    if (position <= this.#receivedThrough) return [];
    this.#receivedThrough = position;
    this.flush();
    const members = [...this.#live.values(), ...this.#liveOtherwise];
    for (const member of members) this.fallBehind(member, position - 1);
    return members;
  }

  /** Writes what the turn has brought, and cuts who is too slow. */
  endTurn(): void {
    this.flush();
    if (!this.#horizonMoved) return;
    this.#horizonMoved = false;
    this.#cut();
  }

  /**
   * Writes what the turn has brought so far, and calls nobody back: whoever does this before moving a member finds the
   * group as it was, with nothing dispatched meanwhile.
   */
  flush(): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    const through = pending.at(-1)!.position;
    const chunk = new Chunk(pending.map((stored) => this.#events.of(stored)));
    this.#write(chunk.framed, through);
    for (const member of this.#liveOtherwise) if (!member.deliver(chunk)) this.fallBehind(member, through);
    if (this.#behind.size === 0) this.#backlog.clear();
    else if (this.#backlog.add(through, chunk.bytes.length)) this.#horizonMoved = true;
  }

  *[Symbol.iterator](): Generator<M, void> {
    yield* this.#live.values();
    yield* this.#liveOtherwise;
    yield* this.#behind;
  }

  end(): void {
    for (const member of this) member.end();
  }

  /** @param through - The position of the last update in the chunk. */
  #write(chunk: Buffer, through: number): void {
    for (const [socket, member] of this.#live) {
      // A client that has closed its half of the connection is about to be gone.
      if (!socket.writable) continue;
      const roomy = socket.write(chunk);
      if (socket.writableLength === 0) continue;
      member.congested(roomy);
      this.fallBehind(member, through);
    }
  }

  #removeLive(member: M): boolean {
    const { chunkSocket } = member;
    return chunkSocket === undefined ? this.#liveOtherwise.delete(member) : this.#live.delete(chunkSocket);
  }

  /** Ends whoever is further behind than the bound. */
  #cut(): void {
    const { horizon } = this.#backlog;
    for (const member of this.#behind) {
      if (member.position <= horizon && member.joinedAt <= horizon) member.end();
    }
  }
}
