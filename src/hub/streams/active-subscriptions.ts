import { randomUUID } from "node:crypto";
import {
  type ActiveSubscription,
  type Selector,
  selectorPath,
  subscriptionEvent,
  subscriptionsPath,
} from "../../protocol/active-subscription.js";
import { work } from "../../protocol/matching/work.js";
import type { PayloadOf } from "../../protocol/tokens/grants.js";
import type { Transport } from "../../transport/transport.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";
import { newPace } from "../pacer.js";

/** The cost of publishing an event, in steps. */
const stepsPerEvent = 1_000;

interface Entry extends ActiveSubscription {
  readonly subscribed: Subscribed;
  /** Pending events of the stream, until the transport has accepted them. Set on the stream's first subscription. */
  pending: Promise<void> | undefined;
}

/** The subscribers of one selector. */
interface Subscribed {
  /** The selector's path in the web API. */
  readonly path: string;
  readonly bySubscriber: Map<string, Entry>;
}

/** Keeps the active subscriptions, and publishes each change. Mercure 0.x and 1.0 "Active Subscriptions". */
export class ActiveSubscriptions {
  readonly #hubPath: string;
  readonly #transport: Transport;
  readonly #onError: (error: unknown) => void;
  readonly #onChange: (subscription: ActiveSubscription, active: boolean) => void;
  readonly #namespace: string;
  readonly #bySelector = new Map<string, Subscribed>();
  readonly #instance = randomUUID();
  #changes = 0;
  /** The number of streams whose events the transport has not accepted yet. */
  #pending = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param onError - Called if an event cannot be published.
   * @param onChange - Called at once for each subscription that begins or ends.
   */
  constructor(
    hubPath: string,
    transport: Transport,
    onError: (error: unknown) => void,
    onChange: (subscription: ActiveSubscription, active: boolean) => void = () => {},
  ) {
    this.#hubPath = hubPath;
    this.#namespace = `${subscriptionsPath(hubPath)}/`;
    this.#transport = transport;
    this.#onError = onError;
    this.#onChange = onChange;
  }

  /** Identifies the state of all subscriptions: it differs after each change, and in each process. */
  get version(): string {
    return `${this.#instance} ${this.#changes}`;
  }

  /**
   * Adds a stream's subscriptions and publishes their events.
   *
   * The hub publishes events even while nobody can receive them. The specification requires it, and a client that lists
   * subscriptions now can request later events afterwards.
   */
  begin(audience: SubscriptionScope, payloadOf: PayloadOf, subscriber: string): void {
    const entries = audience.selectors.map((selector) => {
      const subscribed = this.#subscribedBy(selector);
      const payload = payloadOf(selector.text);
      const isPrivate = audience.isPrivate(selector.text);
      const entry = { selector, subscriber, payload, isPrivate, subscribed, pending: undefined };
      subscribed.bySubscriber.set(subscriber, entry);
      return entry;
    });
    this.#publishEvents(entries, true);
  }

  /** Removes a stream's subscriptions and publishes the end of each, once. */
  end({ selectors }: SubscriptionScope, subscriber: string): void {
    this.#publishEvents(
      selectors.flatMap((selector) => this.#remove(selector, subscriber) ?? []),
      false,
    );
  }

  /**
   * Iterates over all subscriptions, grouped by selector and in order of their start. A subscription that begins or ends
   * during the iteration can be in it.
   */
  *all(): Generator<ActiveSubscription, void> {
    for (const { bySubscriber } of this.#bySelector.values()) yield* bySubscriber.values();
  }

  /** Iterates over the subscriptions of a selector, as {@link ActiveSubscriptions.all} does. */
  of(selector: Selector): Iterable<ActiveSubscription> {
    return this.#bySelector.get(keyOf(selector))?.bySubscriber.values() ?? [];
  }

  find(selector: Selector, subscriber: string): ActiveSubscription | undefined {
    return this.#bySelector.get(keyOf(selector))?.bySubscriber.get(subscriber);
  }

  /** Resolves when the transport has accepted all pending events. */
  async settled(): Promise<void> {
    while (this.#pending > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #subscribedBy(selector: Selector): Subscribed {
    const key = keyOf(selector);
    let subscribed = this.#bySelector.get(key);
    if (subscribed === undefined) {
      subscribed = { path: selectorPath(this.#hubPath, selector), bySubscriber: new Map() };
      this.#bySelector.set(key, subscribed);
    }
    return subscribed;
  }

  #remove(selector: Selector, subscriber: string): Entry | undefined {
    const key = keyOf(selector);
    const bySubscriber = this.#bySelector.get(key)?.bySubscriber;
    const entry = bySubscriber?.get(subscriber);
    if (bySubscriber?.delete(subscriber) && bySubscriber.size === 0) this.#bySelector.delete(key);
    return entry;
  }

  /** Publishes events after the pending ones of the same stream, so that they stay in order. */
  #publishEvents(entries: readonly Entry[], active: boolean): void {
    const [first] = entries;
    if (first === undefined) return;
    this.#changes++;
    for (const entry of entries) this.#onChange(entry, active);
    const send = () => this.#send(entries, active);
    this.#pending++;
    const sent: Promise<void> = (first.pending === undefined ? send() : first.pending.then(send))
      .catch(this.#onError)
      .then(() => this.#settle(first, sent));
    first.pending = sent;
  }

  #settle(first: Entry, sent: Promise<void>): void {
    if (first.pending === sent) first.pending = undefined;
    if (--this.#pending > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Publishes events and yields to the event loop between batches, because many at once would block it. */
  async #send(entries: readonly Entry[], active: boolean): Promise<void> {
    const pace = newPace();
    const published: Promise<unknown>[] = [];
    for (const entry of entries) {
      const event = subscriptionEvent(entry.subscribed.path, entry, active);
      const before = work.steps;
      published.push(this.#transport.publish(event, { namespace: this.#namespace, keep: "events" }));
      const pause = pace(stepsPerEvent + event.data.length + work.steps - before);
      if (pause !== undefined) await Promise.all([pause, ...published.splice(0)]);
    }
    await Promise.all(published);
  }
}

/** Returns a key that is unique to a selector. */
function keyOf({ text, matchType }: Selector): string {
  return `${matchType ?? ""} ${text}`;
}
