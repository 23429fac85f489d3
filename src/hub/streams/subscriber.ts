import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type CloseReason, encodeClose } from "../../protocol/sse/close-event.js";
import type { Payloads } from "../../protocol/tokens/grants.js";
import type { Clock } from "../../shared/clock.js";
import type { Transport } from "../../transport/transport.js";
import type { VerifiedToken } from "../auth/verified-token.js";
import { Chunk } from "../fan-out/chunk.js";
import type { Dispatcher } from "../fan-out/dispatcher.js";
import type { EncodedReplay, EncodedReplays } from "../fan-out/encoded-replays.js";
import type { Group, Member } from "../fan-out/group.js";
import type { Audience } from "../fan-out/subscription-scope.js";
import type { Admission } from "../limits/stream-slot.js";
import { newPace } from "../pacer.js";
import type { ActiveSubscriptions } from "./active-subscriptions.js";
import type { Connection, ConnectionOwner } from "./connection.js";
import type { Disconnections } from "./disconnections.js";
import type { Expirations, Expiring } from "./expirations.js";
import type { Subscribers } from "./subscribers.js";

/** What is known of a stream besides what it receives. */
export interface Subscription {
  /** What subscription events call the stream. */
  readonly id: string;
  /** When the stream ends, in milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined;
  /** Why it ends then for good; undefined when its client may come back as it is. */
  readonly closeReason?: CloseReason | undefined;
  /** What others may learn of whose stream it is. */
  readonly payloads: Payloads;
  /** What opened the stream; undefined for a public one, and for one that the application has let through. */
  readonly tokens?: readonly VerifiedToken[] | undefined;
  /** Whose stream it is, by the token's claim `sub` or by the application's word. */
  readonly subject?: string | undefined;
  /** Left when the stream has ended. */
  readonly admission?: Admission | undefined;
}

/** Where a stream begins. */
export interface Start {
  /** Only updates after this position. */
  readonly after: number;
  /** What history has from there, as far as it has been read. */
  readonly replay?: EncodedReplay | undefined;
  /** What may be missing up to here the client knows. */
  readonly lostThrough: number;
}

/** What all subscribers of a hub share. */
export interface Surroundings {
  readonly dispatcher: Dispatcher;
  readonly replays: EncodedReplays;
  readonly expirations: Expirations;
  readonly subscribers: Subscribers<Subscriber>;
  readonly disconnections: Disconnections;
  /** Undefined when the hub does not tell who is subscribed. */
  readonly activeSubscriptions: ActiveSubscriptions | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Told when history could not be read; the subscriber is ended, so that its client tries again. */
  readonly onError: (error: unknown) => void;
  /** Told why a stream was closed as soon as it had opened, in place of a refusal that stock scripts would repeat. */
  readonly onCloseAtOnce: (req: IncomingMessage, error: unknown) => void;
}

/**
 * One open stream.
 *
 * A subscriber is a position in the order of updates, and either behind or live. One that is behind reads history from
 * its position on until it has caught up; from then on it is live, and its group writes to it directly. A live one whose
 * socket does not drain falls behind again: nothing is queued for it, and it catches up once the socket has drained.
 * Join, replay and slow readers are thus the same thing, and an update is written exactly once because the position
 * says so.
 */
export class Subscriber implements Member, ConnectionOwner, Expiring {
  /** What subscription events call the stream. */
  readonly id: string;
  /** What opened it; none for a public one, and for one that the application has let through. */
  readonly tokens: readonly VerifiedToken[];
  /** Whose stream it is, by the token's claim `sub` or by the application's word. */
  readonly subject: string | undefined;
  readonly joinedAt: number;
  readonly #hub: Surroundings;
  readonly #group: Group<Subscriber>;
  readonly #connection: Connection;
  readonly #admission: Admission | undefined;
  readonly #expiresAt: number | undefined;
  readonly #closeReason: CloseReason | undefined;
  #position: number;
  #toldLostThrough: number;
  #live = false;
  #reading = false;

  /** Sends the head and what history had, and goes on from there. */
  constructor(
    audience: Audience,
    { id, tokens = [], subject, payloads, expiresAt, closeReason, admission }: Subscription,
    connection: Connection,
    headers: Readonly<Record<string, string>>,
    { after, replay, lostThrough }: Start,
    hub: Surroundings,
  ) {
    this.id = id;
    this.tokens = tokens;
    this.subject = subject;
    this.#hub = hub;
    this.#connection = connection;
    this.#admission = admission;
    this.#expiresAt = expiresAt;
    this.#closeReason = closeReason;
    this.joinedAt = hub.dispatcher.position;
    this.#position = after;
    this.#toldLostThrough = lostThrough;
    connection.open(headers, this);
    this.#group = hub.subscribers.enter(audience);
    if (expiresAt !== undefined) hub.expirations.add(expiresAt, this);
    if (replay !== undefined) this.#take(replay);
    if (this.#position >= hub.dispatcher.position && connection.ready) {
      this.#goLive();
    } else {
      this.#group.add(this);
      void this.#catchUp();
    }
    if (!connection.closed) hub.activeSubscriptions?.begin(audience, payloads, id);
  }

  /** With whom it shares what it receives. */
  get group(): Group<Subscriber> {
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

  congested(roomy: boolean): void {
    this.#connection.congested(roomy);
  }

  fallBehind(position: number): void {
    this.#live = false;
    this.#position = position;
  }

  /** Writes what is no event. It does not queue either: a socket that does not drain needs none. */
  keepAlive(chunk: Chunk): void {
    // What was accepted before is written before, and may be all that the socket takes.
    if (this.#live) this.#group.flush();
    if (!this.#connection.ready) return;
    this.#connection.write(chunk);
    if (this.#live && !this.#connection.ready) this.#group.fallBehind(this, this.#hub.dispatcher.position);
  }

  /** Goes on where it was behind, once its socket has drained. */
  drained(): void {
    this.readOn();
  }

  readOn(): void {
    if (this.#live || this.#reading || this.#connection.closed || !this.#connection.ready) return;
    if (this.#position >= this.#hub.dispatcher.position) this.#goLive();
    else void this.#catchUp();
  }

  closed(): void {
    this.#forget();
  }

  /** Its time has come. */
  expire(): void {
    this.end(this.#closeReason);
  }

  /** @param reason - Given when it ends for good, which the client is told then. */
  end(reason?: CloseReason): void {
    if (this.#connection.closed) return;
    // What this turn has brought was accepted before the end.
    if (this.#live) this.#group.flush();
    if (reason !== undefined) this.keepAlive(Chunk.of(encodeClose(reason)));
    this.#forget();
    this.#connection.end();
  }

  /** Reads history until the end of it, or until the socket does not drain: then it is told when it has. */
  async #catchUp(): Promise<void> {
    const { dispatcher, replays, onError } = this.#hub;
    const pace = newPace();
    this.#reading = true;
    try {
      while (this.#connection.ready && !this.#connection.closed) {
        // Between this look at the dispatcher's position and the next update that it dispatches nothing can come.
        if (this.#position >= dispatcher.position) return this.#goLive();
        const replay = await replays.read(this.#group.audience, this.#position);
        // A comment may have been all that the socket took meanwhile; once it has drained, this is read again.
        if (this.#connection.closed || !this.#connection.ready) return;
        if (replay.lostThrough > Math.max(this.#position, this.#toldLostThrough)) return this.end();
        this.#take(replay);
        // Where nothing is written, nothing waits for a socket either.
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

  #forget(): void {
    this.#live = false;
    this.#hub.subscribers.remove(this, this.#group);
    if (this.#expiresAt !== undefined) this.#hub.expirations.remove(this.#expiresAt, this);
    this.#admission?.leave();
    this.#hub.activeSubscriptions?.end(this.#group.audience, this.id);
  }
}
