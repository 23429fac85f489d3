import { emptyComment } from "../../protocol/sse/event-encoder.js";
import { Chunk } from "../fan-out/chunk.js";
import type { Dispatcher } from "../fan-out/dispatcher.js";
import type { EncodedEvents } from "../fan-out/encoded-events.js";
import { type StreamMember, SubscriberGroup } from "../fan-out/group.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";
import type { TickBatch } from "../fan-out/tick-batch.js";
import type { HubObserver } from "../observer.js";

/** The objects and bounds that subscribers and their groups take from the hub. */
export interface SubscribersOptions {
  readonly dispatcher: Dispatcher;
  readonly events: EncodedEvents;
  readonly ticks: TickBatch;
  /** The interval in seconds; 0 sends no comments. */
  readonly keepaliveInterval: number;
  /** The max backlog of a stream, in bytes; 0 for unlimited, as far as history reaches. */
  readonly maxBacklogBytes: number;
  readonly observer: HubObserver | undefined;
}

/** A member of a group that has a connection to keep alive. */
export interface ConnectedSubscriber extends StreamMember {
  keepAlive(comment: Chunk): void;
  returnAfter(delay?: number): void;
}

/** Holds all connected subscribers by group. One timer keeps their connections alive while there are any. */
export class Subscribers<S extends ConnectedSubscriber> {
  readonly #options: SubscribersOptions;
  readonly #groups = new Map<string, SubscriberGroup<S>>();
  /** The subscribers whose streams have a name, by that name. */
  readonly byKey = new Map<string, S>();
  /** The subscribers without a connection whose next one may come. Others still see their subscriptions. */
  readonly leaving = new Set<S>();
  #size = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SubscribersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Counts a new subscriber, and returns the group that it must join. */
  enter(scope: SubscriptionScope): SubscriberGroup<S> {
    const { dispatcher, observer, keepaliveInterval } = this.#options;
    let group = this.#groups.get(scope.key);
    if (group === undefined) {
      group = new SubscriberGroup(scope, this.#options);
      this.#groups.set(scope.key, group);
      dispatcher.add(group);
    }
    this.#size++;
    observer?.subscribed();
    if (keepaliveInterval > 0) {
      this.#timer ??= setInterval(() => this.#keepAlive(), keepaliveInterval * 1000).unref();
    }
    return group;
  }

  remove(subscriber: S, group: SubscriberGroup<S>): void {
    if (!group.remove(subscriber)) return;
    this.#size--;
    this.#options.observer?.unsubscribed();
    if (group.size === 0) {
      this.#groups.delete(group.scope.key);
      this.#options.dispatcher.remove(group);
    }
    if (this.#size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Iterates over all subscribers, with those that are leaving. */
  *all(): Generator<S, void> {
    yield* this;
    yield* this.leaving;
  }

  /** Ends the chosen streams at once. */
  end(isChosen: (subscriber: S) => boolean): void {
    for (const subscriber of this) if (isChosen(subscriber)) subscriber.end();
  }

  /**
   * Tells each client where to resume after the end of its stream.
   *
   * @param spread - A range in seconds: each client reconnects at a random time within it, so that they do not return
   * together. Default: each client keeps its own delay.
   */
  tellReturn(spread?: number): void {
    for (const subscriber of this) subscriber.returnAfter(spread === undefined ? undefined : delayWithin(spread));
  }

  *[Symbol.iterator](): Generator<S, void> {
    for (const group of this.#groups.values()) yield* group;
  }

  #keepAlive(): void {
    const comment = Chunk.of(emptyComment);
    for (const subscriber of this) subscriber.keepAlive(comment);
  }
}

/**
 * Returns a delay in milliseconds: one second and a random part of a range in seconds. Clients keep the delay, and with a
 * shorter one they would flood a hub that is still down.
 */
export function delayWithin(seconds: number): number {
  return 1000 + Math.ceil(Math.random() * seconds * 1000);
}
