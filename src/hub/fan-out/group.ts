import type { Socket } from "node:net";
import type { MatcherList } from "../../protocol/matching/matcher.js";
import type { StoredUpdate } from "../../transport/transport.js";
import { Backlog } from "./backlog.js";
import { Chunk } from "./chunk.js";
import type { Recipient } from "./dispatcher.js";
import type { EncodedEvents } from "./encoded-events.js";
import type { SubscriptionScope } from "./subscription-scope.js";
import type { EndOfTickTask, TickBatch } from "./tick-batch.js";

/** A subscriber, as its group sees it. */
export interface StreamMember {
  /**
   * The member's position: all updates up to it are written, or are not meant for this member. It has no meaning for a
   * live member.
   */
  readonly position: number;
  /** The position of the newest update when the member joined. */
  readonly joinedAt: number;

  /**
   * The socket for chunks that the group writes directly while the member is live. Undefined if the member must write.
   */
  readonly chunkSocket: Socket | undefined;

  /** Writes to a live member. Returns whether it can take more. */
  deliver(chunk: Chunk): boolean;

  /**
   * Called if the socket has not taken everything that the group wrote. The member can then take no more.
   *
   * @param chunk - The written chunk.
   * @param belowHighWaterMark - The result of the socket's `write`.
   */
  onBackpressure(chunk: Chunk, belowHighWaterMark: boolean): void;

  /** Marks a live member as behind. It has everything up to the position. */
  fallBehind(position: number): void;

  /** Makes a member that is behind read history now. */
  readOn(): void;

  end(): void;
}

export interface GroupOptions {
  readonly events: EncodedEvents;
  readonly ticks: TickBatch;
  /** The max backlog of a member, in bytes; 0 for unlimited, as far as history reaches. */
  readonly maxBacklogBytes: number;
}

/**
 * All subscribers of one scope. The group does their shared work once. It authorizes an update once. It joins the
 * updates of one turn of the event loop into one buffer, and writes it once to each socket.
 */
export class SubscriberGroup<M extends StreamMember = StreamMember> implements Recipient, EndOfTickTask {
  readonly scope: SubscriptionScope;
  readonly #events: EncodedEvents;
  readonly #ticks: TickBatch;
  /**
   * Live members by socket, if the group writes to the socket directly. A delivery reads only this map. Except for the
   * system call, fetching each member from memory would be most of its cost.
   */
  readonly #live = new Map<Socket, M>();
  /** Live members that write their events themselves. */
  readonly #liveOtherwise = new Set<M>();
  /** Members that read history. */
  readonly #behind = new Set<M>();
  readonly #backlog: Backlog;
  /** Updates accepted in this turn and not written yet. */
  #pending: StoredUpdate[] = [];
  /** Whether a member can be further behind than the bound since the last cut. */
  #horizonMoved = false;
  #receivedThrough = 0;

  constructor(scope: SubscriptionScope, { events, ticks, maxBacklogBytes }: GroupOptions) {
    this.scope = scope;
    this.#events = events;
    this.#ticks = ticks;
    this.#backlog = new Backlog(maxBacklogBytes);
  }

  get matchers(): MatcherList {
    return this.scope.matchers;
  }

  get privateTopics(): MatcherList {
    return this.scope.privateTopics;
  }

  get size(): number {
    return this.#live.size + this.#liveOtherwise.size + this.#behind.size;
  }

  /** Adds a member that is behind. */
  add(member: M): void {
    this.#behind.add(member);
  }

  /** Removes a member. Returns whether it was one. */
  remove(member: M): boolean {
    return this.#removeLive(member) || this.#behind.delete(member);
  }

  /**
   * Makes a new member, or one that is behind, live: the group writes later updates to it. The member must have
   * everything that was dispatched before, and room for more.
   */
  goLive(member: M): void {
    // Pending updates are for the other members: this member has read them in history.
    this.flush();
    this.#behind.delete(member);
    const { chunkSocket } = member;
    if (chunkSocket === undefined) this.#liveOtherwise.add(member);
    else this.#live.set(chunkSocket, member);
  }

  /** Moves a live member to those that are behind. It has everything up to the position. */
  fallBehind(member: M, position: number): void {
    this.#removeLive(member);
    this.#behind.add(member);
    member.fallBehind(position);
  }

  receive(stored: StoredUpdate): void {
    // The dispatcher calls this once for each matching topic of an update.
    if (stored.position <= this.#receivedThrough) return;
    this.#receivedThrough = stored.position;
    if (!this.scope.mayRead(stored.update)) return;
    if (this.#pending.push(stored) === 1) this.#ticks.onTickEnd(this);
  }

  /** Moves all live members to those that are behind. Returns them; the dispatcher must call their `readOn`. */
  missed(after: number, through: number): readonly M[] {
    // The group can have received the update by another topic.
    if (through <= this.#receivedThrough) return [];
    this.#receivedThrough = through;
    this.flush();
    const members = [...this.#live.values(), ...this.#liveOtherwise];
    for (const member of members) this.fallBehind(member, after);
    return members;
  }

  /** Writes the pending updates of the turn, and ends members that are too slow. */
  endTick(): void {
    this.flush();
    if (!this.#horizonMoved) return;
    this.#horizonMoved = false;
    this.#cut();
  }

  /**
   * Writes the pending updates, and calls no callback. A caller that then moves a member finds the group unchanged and
   * no new update dispatched.
   */
  flush(): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    const through = pending.at(-1)!.position;
    const chunk = new Chunk(pending.map((stored) => this.#events.of(stored)));
    this.#write(chunk, through);
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
  #write(chunk: Chunk, through: number): void {
    const { framed } = chunk;
    for (const [socket, member] of this.#live) {
      // A client that has closed its half of the connection is about to disconnect.
      if (!socket.writable) continue;
      const belowHighWaterMark = socket.write(framed);
      if (socket.writableLength === 0) continue;
      member.onBackpressure(chunk, belowHighWaterMark);
      this.fallBehind(member, through);
    }
  }

  #removeLive(member: M): boolean {
    const { chunkSocket } = member;
    return chunkSocket === undefined ? this.#liveOtherwise.delete(member) : this.#live.delete(chunkSocket);
  }

  /** Ends the members that are further behind than the bound. */
  #cut(): void {
    const { horizon } = this.#backlog;
    for (const member of this.#behind) {
      if (member.position <= horizon && member.joinedAt <= horizon) member.end();
    }
  }
}
