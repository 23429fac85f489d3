import { encodeComment, encodeRetry } from "../../protocol/sse/event-encoder.js";
import { Chunk } from "../fan-out/chunk.js";
import type { Dispatcher } from "../fan-out/dispatcher.js";
import type { EncodedEvents } from "../fan-out/encoded-events.js";
import { Group, type Member } from "../fan-out/group.js";
import type { Audience } from "../fan-out/subscription-scope.js";
import type { Turns } from "../fan-out/tick-batch.js";
import type { HubObserver } from "../observer.js";

/** What subscribers and their groups have from the hub. */
export interface SubscribersOptions {
  readonly dispatcher: Dispatcher;
  readonly events: EncodedEvents;
  readonly turns: Turns;
  /** In seconds; 0 sends no comments. */
  readonly keepaliveInterval: number;
  /** How far behind a stream may be, in bytes; 0 for as far as history reaches. */
  readonly maxBacklogBytes: number;
  readonly observer: HubObserver | undefined;
}

/** A member of a group that has a connection to keep alive. */
export interface ConnectedSubscriber extends Member {
  keepAlive(comment: Chunk): void;
}

/** All who are connected, by group, with the one timer that keeps their connections alive while there are any. */
export class Subscribers<S extends ConnectedSubscriber> {
  readonly #options: SubscribersOptions;
  readonly #groups = new Map<string, Group<S>>();
  #size = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SubscribersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Counts one more, who enters the group that is returned, live or behind. */
  enter(audience: Audience): Group<S> {
    const { dispatcher, observer, keepaliveInterval } = this.#options;
    let group = this.#groups.get(audience.key);
    if (group === undefined) {
      group = new Group(audience, this.#options);
      this.#groups.set(audience.key, group);
      dispatcher.add(group);
    }
    this.#size++;
    observer?.subscribed();
    if (keepaliveInterval > 0) {
      this.#timer ??= setInterval(() => this.#keepAlive(), keepaliveInterval * 1000).unref();
    }
    return group;
  }

  remove(subscriber: S, group: Group<S>): void {
    if (!group.remove(subscriber)) return;
    this.#size--;
    this.#options.observer?.unsubscribed();
    if (group.size === 0) {
      this.#groups.delete(group.audience.key);
      this.#options.dispatcher.remove(group);
    }
    if (this.#size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Ends the streams of those who are chosen, at once. */
  end(isChosen: (subscriber: S) => boolean): void {
    for (const subscriber of this) if (isChosen(subscriber)) subscriber.end();
  }

  /**
   * Tells each to come back at another time within so many seconds, so that they do not come all at once. None before a
   * second has passed: they keep that time, and with a short one would hammer at a hub that is not back yet.
   */
  spreadRetries(seconds: number): void {
    for (const subscriber of this) {
      subscriber.keepAlive(Chunk.of(encodeRetry(1000 + Math.ceil(Math.random() * seconds * 1000))));
    }
  }

  *[Symbol.iterator](): Generator<S, void> {
    for (const group of this.#groups.values()) yield* group;
  }

  #keepAlive(): void {
    const comment = Chunk.of(encodeComment());
    for (const subscriber of this) subscriber.keepAlive(comment);
  }
}
