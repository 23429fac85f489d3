import type { MatcherList } from "../protocol/matcher.js";
import type { Update } from "../protocol/update.js";
import type { Replay, StoredUpdate, Transport } from "../transport/transport.js";
import type { ActiveSubscriptions, Announcement } from "./active-subscriptions.js";
import type { Connection } from "./connection.js";
import { at } from "./deadline.js";
import type { Disconnections } from "./disconnections.js";
import { type Dispatcher, type Recipient, readHistory } from "./dispatcher.js";
import type { EncodedEvents } from "./encoded-events.js";
import type { Subscribers } from "./subscribers.js";
import type { VerifiedToken } from "./token-verifier.js";
import type { Turns } from "./turns.js";

/** What a subscriber receives, and for how long. */
export interface Subscription {
  /** What subscription events call the stream. */
  readonly id: string;
  readonly matchers: MatcherList;
  /** Private updates come through when one of their topics is among these. */
  readonly privateTopics: MatcherList;
  /** When the stream ends, in milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined;
  /** What others may learn of this stream. */
  readonly announcement: Announcement;
  /** What opened the stream; undefined for a public one, and for one that the application has let through. */
  readonly token?: VerifiedToken | undefined;
  /** Whose stream it is, by the token's claim `sub` or by the application's word. */
  readonly subject?: string | undefined;
  /** Called when the stream has ended, perhaps more than once. */
  readonly onEnd?: (() => void) | undefined;
}

/** What all subscribers of a hub share. */
export interface Surroundings {
  readonly transport: Transport;
  readonly dispatcher: Dispatcher;
  readonly events: EncodedEvents;
  readonly turns: Turns;
  readonly subscribers: Subscribers;
  readonly disconnections: Disconnections;
  /** Undefined when the hub does not tell who is subscribed. */
  readonly activeSubscriptions: ActiveSubscriptions | undefined;
  /** Told when history could not be read; the subscriber is ended, so that its client tries again. */
  readonly onError: (error: unknown) => void;
}

/**
 * One open stream.
 *
 * A subscriber is a position in the order of updates, and either behind or live. One that is behind reads history from
 * its position on until it has caught up; from then on it is live and written to directly. A live one whose socket does
 * not drain falls behind again: nothing is queued for it, and it catches up once the socket has drained. Join, replay
 * and slow readers are thus the same thing, and an update is written exactly once because the position says so.
 */
export class Subscriber implements Recipient {
  readonly matchers: MatcherList;
  readonly #subscription: Subscription;
  readonly #connection: Connection;
  readonly #hub: Surroundings;
  /** Everything up to here is written or not for this subscriber. */
  #position = 0;
  /** The client knows that it may have missed updates up to here. */
  #toldLostThrough = 0;
  #live = false;
  #reading = false;
  /** The turn of the event loop in which the socket stopped draining. */
  #stalledIn = 0;
  #cancelExpiry: (() => void) | undefined;
  #endAnnouncement: (() => void) | undefined;

  constructor(subscription: Subscription, connection: Connection, hub: Surroundings) {
    this.matchers = subscription.matchers;
    this.#subscription = subscription;
    this.#connection = connection;
    this.#hub = hub;
  }

  get subscription(): Subscription {
    return this.#subscription;
  }

  /** Sends the head and what history had, and goes on from there. */
  start(headers: Readonly<Record<string, string>>, replay: Replay): void {
    const { dispatcher, subscribers } = this.#hub;
    const { expiresAt } = this.#subscription;
    this.#connection.open(
      headers,
      () => this.#catchUp(),
      () => this.#forget(),
    );
    dispatcher.add(this);
    subscribers.add(this);
    if (expiresAt !== undefined) this.#cancelExpiry = at(expiresAt, () => this.end());
    this.#toldLostThrough = replay.lostThrough;
    this.#take(replay);
    this.#catchUp();
    this.#endAnnouncement = this.#hub.activeSubscriptions?.begin(
      this.#subscription.announcement,
      this.#subscription.id,
    );
  }

  receive(stored: StoredUpdate): void {
    if (!this.#live || stored.position <= this.#position) return;
    // What overflows within one turn of the event loop does not show a slow reader: no socket could have drained.
    if (!this.#connection.drained && this.#stalledIn !== this.#hub.turns.current) {
      this.#live = false;
      this.#position = stored.position - 1;
      return;
    }
    this.#send(stored);
    this.#position = stored.position;
  }

  /** Writes what is no event. It does not queue either: a socket that does not drain needs none. */
  keepAlive(bytes: Buffer): void {
    if (this.#connection.drained) this.#write(bytes);
  }

  /** @param last - Written before the end to a client that takes what it is sent. */
  end(last?: Buffer): void {
    if (last !== undefined) this.keepAlive(last);
    this.#forget();
    this.#connection.end();
  }

  /** Reads history until the end of it, or until the socket does not drain: then `drain` calls again. */
  async #catchUp(): Promise<void> {
    if (this.#live || this.#reading) return;
    const { transport, dispatcher, onError } = this.#hub;
    this.#reading = true;
    try {
      while (!this.#connection.closed) {
        // Between this look at the dispatcher's position and the next update that it dispatches nothing can come.
        this.#live = this.#position >= dispatcher.position;
        if (this.#live || !this.#connection.drained) return;
        const replay = await readHistory(transport, this.matchers, this.#position);
        if (this.#connection.closed) return;
        if (replay.lostThrough > Math.max(this.#position, this.#toldLostThrough)) return this.end();
        this.#take(replay);
      }
    } catch (error) {
      onError(error);
      this.end();
    } finally {
      this.#reading = false;
    }
  }

  #take(replay: Replay): void {
    for (const stored of replay.updates) {
      if (this.matchers.matchesAny(stored.update.topics)) this.#send(stored);
    }
    this.#position = replay.through;
  }

  #send(stored: StoredUpdate): void {
    if (this.#mayRead(stored.update)) this.#write(this.#hub.events.of(stored));
  }

  #mayRead(update: Update): boolean {
    return !update.private || this.#subscription.privateTopics.matchesAny(update.topics);
  }

  #write(bytes: Buffer): void {
    const wasDrained = this.#connection.drained;
    if (!this.#connection.write(bytes) && wasDrained) this.#stalledIn = this.#hub.turns.current;
  }

  #forget(): void {
    this.#live = false;
    this.#cancelExpiry?.();
    this.#subscription.onEnd?.();
    this.#hub.dispatcher.remove(this);
    this.#hub.subscribers.remove(this);
    this.#endAnnouncement?.();
    this.#endAnnouncement = undefined;
  }
}
