import type { Socket } from "node:net";
import { type CloseReason, encodeClose } from "../../protocol/sse/close-event.js";
import { encodeReturn } from "../../protocol/sse/event-encoder.js";
import type { VerifiedToken } from "../auth/verified-token.js";
import { Chunk } from "../fan-out/chunk.js";
import type { EncodedReplay } from "../fan-out/encoded-replays.js";
import type { StreamMember, SubscriberGroup } from "../fan-out/group.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";
import type { StreamSlot } from "../limits/stream-slot.js";
import { newPace } from "../pacer.js";
import type { Connection, ConnectionOwner } from "./connection.js";
import type { Expiring } from "./expirations.js";
import type { ReplayStart } from "./replay-start.js";
import type { StreamServices } from "./stream-services.js";
import type { Subscription } from "./subscription.js";

/**
 * The time that a stream has to continue on another connection, in milliseconds. The browser tab that read several
 * streams is closed, and another tab reads the rest. Others then see no end.
 */
const returnTime = 2000;
/** The max number of streams that wait for another connection. Above it, streams end at once. */
const maxLeaving = 10_000;

/**
 * One open stream.
 *
 * A subscriber is a position in the order of updates, and it is either behind or live. A subscriber that is behind
 * reads history from its position until it has caught up. It is live from then on, and its group writes to it directly.
 * A live subscriber whose socket does not drain falls behind again. The hub queues nothing for it, and it catches up
 * once the socket has drained. Join, replay and slow readers thus use the same mechanism. The position ensures that
 * each update is written exactly once.
 */
export class Subscriber implements StreamMember, ConnectionOwner, Expiring {
  #id: string;
  /** The tokens that opened the stream. Empty for a public stream, and for one that the application authorized. */
  readonly tokens: readonly VerifiedToken[];
  /** The subject that owns the stream, from the token's claim `sub` or from the application. */
  readonly subject: string | undefined;
  readonly joinedAt: number;
  readonly #hub: StreamServices<Subscriber>;
  /** Set when the stream opens. */
  #group!: SubscriberGroup<Subscriber>;
  readonly #connection: Connection;
  readonly slot: StreamSlot | undefined;
  readonly #endsAt: number | undefined;
  readonly #closeReason: CloseReason | undefined;
  readonly #key: string | undefined;
  readonly #turn: number;
  readonly #arrival: number;
  #position: number;
  #toldLostThrough: number;
  #live = false;
  #reading = false;
  /** Cancels the end of a stream that waits for its next connection. */
  #cancelEnd: (() => void) | undefined;

  private constructor(
    { id, tokens = [], subject, endsAt, closeReason, key, turn = 0, arrival = 0, slot }: Subscription,
    connection: Connection,
    { after, lostThrough }: ReplayStart<EncodedReplay>,
    hub: StreamServices<Subscriber>,
  ) {
    this.#id = id;
    this.tokens = tokens;
    this.subject = subject;
    this.#hub = hub;
    this.#connection = connection;
    this.slot = slot;
    this.#endsAt = endsAt;
    this.#closeReason = closeReason;
    this.#key = key;
    this.#turn = turn;
    this.#arrival = arrival;
    this.joinedAt = hub.dispatcher.position;
    this.#position = after;
    this.#toldLostThrough = lostThrough;
  }

  /** Opens a stream: sends the head and the first chunk of history, and continues from there. */
  static open(
    scope: SubscriptionScope,
    subscription: Subscription,
    connection: Connection,
    headers: Readonly<Record<string, string>>,
    start: ReplayStart<EncodedReplay>,
    hub: StreamServices<Subscriber>,
  ): Subscriber {
    const subscriber = new Subscriber(subscription, connection, start, hub);
    // A response that has begun throws here, and its stream must not count.
    connection.open(headers, subscriber);
    subscriber.#group = hub.subscribers.enter(scope);
    subscriber.#begin(start.replay);
    if (!connection.closed && !subscriber.#replaceLast()) {
      const { payloadOf, id, slot } = subscription;
      const position = Math.max(start.after, start.lostThrough);
      hub.activeSubscriptions?.begin(scope, payloadOf, id, position, slot?.subject);
      hub.countedElsewhere?.count(id, slot?.subject, position);
    }
    return subscriber;
  }

  #begin(replay: EncodedReplay | undefined): void {
    if (this.#endsAt !== undefined) this.#hub.expirations.add(this.#endsAt, this);
    if (replay !== undefined) this.#take(replay);
    if (this.#position >= this.#hub.dispatcher.position && this.#connection.ready) {
      this.#goLive();
    } else {
      this.#group.add(this);
      void this.#catchUp();
    }
  }

  /**
   * Takes the place of the stream's last connection, if there is one with the same rights. Others then see one
   * continuing stream. If a newer connection has come first, this one ends. Returns whether there was another
   * connection.
   */
  #replaceLast(): boolean {
    if (this.#key === undefined) return false;
    const { byKey } = this.#hub.subscribers;
    const last = byKey.get(this.#key);
    if (last?.hasRights(this.tokens, this.subject, this.#group.scope)) {
      const isLater =
        last.#connection.closed ||
        (this.#turn === last.#turn ? this.#arrival > last.#arrival : this.#turn > last.#turn);
      const [older, newer] = isLater ? [last, this] : [this, last];
      newer.#id = last.id;
      byKey.set(this.#key, newer);
      if (older.#live) older.#group.flush();
      older.#leave();
      older.#connection.end();
      return true;
    }
    byKey.set(this.#key, this);
    return false;
  }

  /** Returns whether a request has the same rights as this stream. */
  hasRights(tokens: readonly VerifiedToken[], subject: string | undefined, { key }: SubscriptionScope): boolean {
    const isSameBearer = subject === this.subject && tokens.length === this.tokens.length;
    const isSame = isSameBearer && tokens.every(({ id }, index) => id === this.tokens[index]!.id);
    return isSame && key === this.#group.scope.key;
  }

  /** The stream's id in subscription events. */
  get id(): string {
    return this.#id;
  }

  /** The group of subscribers that receive the same updates. */
  get group(): SubscriberGroup<Subscriber> {
    return this.#group;
  }

  get position(): number {
    return this.#position;
  }

  get chunkSocket(): Socket | undefined {
    return this.#connection.chunkSocket;
  }

  deliver(chunk: Chunk): boolean {
    this.#connection.write(chunk);
    return this.#connection.ready;
  }

  onBackpressure(chunk: Chunk, belowHighWaterMark: boolean): void {
    this.#connection.onBackpressure(chunk, belowHighWaterMark);
  }

  /** Claims memory for a chunk that waits for the client. A client without room reconnects, and misses nothing. */
  waits(chunk: Chunk): boolean {
    try {
      this.slot?.hold(chunk);
      return true;
    } catch {
      return false;
    }
  }

  fallBehind(position: number): void {
    this.#live = false;
    this.#position = position;
  }

  /**
   * Writes a chunk that contains no update. It queues nothing, because a socket that does not drain needs no
   * keep-alive.
   */
  keepAlive(chunk: Chunk): void {
    // Updates accepted earlier must be written first, and can fill the socket.
    if (this.#live) this.#group.flush();
    if (!this.#connection.ready) return;
    this.#connection.write(chunk);
    if (this.#live && !this.#connection.ready) this.#group.fallBehind(this, this.#hub.dispatcher.position);
  }

  /** Continues reading history once the socket has drained. */
  drained(): void {
    this.slot?.letGo();
    this.readOn();
  }

  readOn(): void {
    if (this.#live || this.#reading || this.#connection.closed || !this.#connection.ready) return;
    if (this.#position >= this.#hub.dispatcher.position) this.#goLive();
    else void this.#catchUp();
  }

  closed(): void {
    const { clock, subscribers } = this.#hub;
    const { byKey, leaving } = subscribers;
    const isLast = this.#key !== undefined && byKey.get(this.#key) === this;
    if (!isLast || !this.#connection.mayReturn || leaving.size >= maxLeaving) {
      this.#forget();
      return;
    }
    this.#leave();
    byKey.set(this.#key!, this);
    leaving.add(this);
    this.#cancelEnd = clock.at(clock.now() + returnTime, () => this.#forget());
  }

  /** Ends the stream at its expiry time. */
  expire(): void {
    if (this.#closeReason === undefined) this.returnAfter();
    this.end(this.#closeReason);
  }

  /**
   * Ends the stream.
   *
   * @param reason - The reason of a final end, which the client receives.
   * @param isDisconnected - Whether a disconnection ends the stream.
   */
  end(reason?: CloseReason, isDisconnected = false): void {
    if (this.#cancelEnd !== undefined) this.#forget(isDisconnected);
    if (this.#connection.closed) return;
    // Updates of this turn were accepted before the end.
    if (this.#live) this.#group.flush();
    if (reason !== undefined) this.keepAlive(Chunk.of(encodeClose(reason)));
    this.#forget(isDisconnected);
    this.#connection.end();
  }

  /**
   * Tells the client when to reconnect, and the id to resume from: it may have received no id yet.
   *
   * @param delay - The delay in milliseconds. Default: the client keeps its delay.
   */
  returnAfter(delay?: number): void {
    if (this.#live) this.#group.flush();
    const { transport, dispatcher } = this.#hub;
    const position = this.#live ? dispatcher.position : this.#position;
    this.keepAlive(Chunk.of(encodeReturn(transport.cursor(position), delay)));
  }

  /**
   * Ends the stream, so that its client resumes at another node. Over HTTP/2 the client's next request opens a new
   * connection. Returns false if the stream has ended already.
   *
   * @param delay - The delay before the client reconnects, in milliseconds.
   */
  handOver(delay: number): boolean {
    if (this.#connection.closed) return false;
    this.returnAfter(delay);
    this.end();
    this.#connection.endSession();
    return true;
  }

  /** Reads history to its end, or until the socket does not drain. `drained` then resumes the reading. */
  async #catchUp(): Promise<void> {
    const { dispatcher, replays, onError } = this.#hub;
    const pace = newPace();
    this.#reading = true;
    try {
      while (this.#connection.ready && !this.#connection.closed) {
        // No update can arrive between this check of the dispatcher's position and the next dispatch.
        if (this.#position >= dispatcher.position) return this.#goLive();
        const replay = await replays.read(this.#group.scope, this.#position);
        // A comment can have filled the socket meanwhile. Once the socket has drained, this chunk is read again.
        if (this.#connection.closed || !this.#connection.ready) return;
        if (replay.lostThrough > Math.max(this.#position, this.#toldLostThrough)) return this.end();
        this.#take(replay);
        // A chunk without a write never waits for the socket, so the loop must yield by itself.
        const pause = pace(replay.steps);
        if (pause !== undefined) await pause;
      }
    } catch (error) {
      onError(error);
      this.end();
    } finally {
      this.#reading = false;
    }
  }

  #take({ chunk, through }: EncodedReplay): void {
    if (chunk !== undefined) this.#connection.write(chunk);
    this.#position = through;
  }

  #goLive(): void {
    this.#live = true;
    this.#group.goLive(this);
  }

  #forget(isDisconnected = false): void {
    this.#leave();
    this.#hub.activeSubscriptions?.end(this.#group.scope, this.id, isDisconnected);
    if (this.slot?.subject !== undefined) this.#hub.countedElsewhere?.forget(this.id);
  }

  /** Removes the stream from the hub. Others still see its subscriptions. */
  #leave(): void {
    this.#live = false;
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
    this.#hub.subscribers.leaving.delete(this);
    const { byKey } = this.#hub.subscribers;
    if (this.#key !== undefined && byKey.get(this.#key) === this) byKey.delete(this.#key);
    this.#hub.subscribers.remove(this, this.#group);
    if (this.#endsAt !== undefined) this.#hub.expirations.remove(this.#endsAt, this);
    this.slot?.release();
  }
}
