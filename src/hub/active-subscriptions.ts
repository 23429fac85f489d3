import {
  type ActiveSubscription,
  type Selector,
  SubscriptionEvent,
  selectorPath,
  subscriptionsPath,
} from "../protocol/active-subscription.js";
import { type Payloads, payloadOf } from "../protocol/grants.js";
import type { Transport } from "../transport/transport.js";
import type { Audience } from "./audience.js";

/** A subscription, and of the first one of a stream what the transport has yet to accept of the stream's events. */
type Entry = ActiveSubscription & { telling: Promise<void> | undefined };

/** Knows who is subscribed to what, and publishes when that changes. Mercure 0.x and 1.0 "Active Subscriptions". */
export class ActiveSubscriptions {
  readonly #hubPath: string;
  readonly #transport: Transport;
  readonly #onError: (error: unknown) => void;
  readonly #onChange: (subscription: ActiveSubscription, active: boolean) => void;
  /** By the path of the selector, and then by subscriber. */
  readonly #bySelector = new Map<string, Map<string, Entry>>();
  /** Of how many streams the transport has yet to accept events, and who waits for it. */
  #telling = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param onError - Told when an event could not be published.
   * @param onChange - Told of each subscription that begins or ends, at once.
   */
  constructor(
    hubPath: string,
    transport: Transport,
    onError: (error: unknown) => void,
    onChange: (subscription: ActiveSubscription, active: boolean) => void = () => {},
  ) {
    this.#hubPath = hubPath;
    this.#transport = transport;
    this.#onError = onError;
    this.#onChange = onChange;
  }

  /** Whether nobody is subscribed, and nothing is held for anybody who was. */
  get isEmpty(): boolean {
    return this.#bySelector.size === 0 && this.#telling === 0;
  }

  /**
   * Tells that a stream exists.
   *
   * Events are published even while nobody may receive them: the specification asks for it, and who lists subscriptions
   * now may ask for the events since then later.
   */
  begin({ selectors, privateTopics }: Audience, payloads: Payloads, subscriber: string): void {
    const subscriptions = selectors.map((selector) => {
      const payload = payloadOf(payloads, selector.text);
      const isPrivate = privateTopics.matches(selector.text);
      return { selector, subscriber, payload, isPrivate, telling: undefined };
    });
    for (const subscription of subscriptions) this.#add(subscription);
    this.#tell(subscriptions, true);
  }

  /** Tells that a stream has ended, once. */
  end({ selectors }: Audience, subscriber: string): void {
    this.#tell(
      selectors.flatMap((selector) => this.#remove(selector, subscriber) ?? []),
      false,
    );
  }

  /** In the order in which they began, by selector. */
  all(): ActiveSubscription[] {
    return [...this.#bySelector.values()].flatMap((bySubscriber) => [...bySubscriber.values()]);
  }

  of(selector: Selector): ActiveSubscription[] {
    return [...(this.#bySelector.get(this.#pathOf(selector))?.values() ?? [])];
  }

  find(selector: Selector, subscriber: string): ActiveSubscription | undefined {
    return this.#bySelector.get(this.#pathOf(selector))?.get(subscriber);
  }

  /** Resolves when the transport has everything that there was to tell. */
  async settled(): Promise<void> {
    while (this.#telling > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #add(subscription: Entry): void {
    const path = this.#pathOf(subscription.selector);
    const bySubscriber = this.#bySelector.get(path);
    if (bySubscriber === undefined) this.#bySelector.set(path, new Map([[subscription.subscriber, subscription]]));
    else bySubscriber.set(subscription.subscriber, subscription);
  }

  #remove(selector: Selector, subscriber: string): Entry | undefined {
    const path = this.#pathOf(selector);
    const bySubscriber = this.#bySelector.get(path);
    const subscription = bySubscriber?.get(subscriber);
    if (bySubscriber?.delete(subscriber) && bySubscriber.size === 0) this.#bySelector.delete(path);
    return subscription;
  }

  /** The events of one stream do not overtake each other. */
  #tell(subscriptions: readonly Entry[], active: boolean): void {
    const [first] = subscriptions;
    if (first === undefined) return;
    for (const subscription of subscriptions) this.#onChange(subscription, active);
    const send = () => this.#send(subscriptions, active);
    this.#telling++;
    const telling: Promise<void> = (first.telling === undefined ? send() : first.telling.then(send))
      .catch(this.#onError)
      .then(() => this.#told(first, telling));
    first.telling = telling;
  }

  #told(first: Entry, telling: Promise<void>): void {
    if (first.telling === telling) first.telling = undefined;
    if (--this.#telling > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #send(subscriptions: readonly ActiveSubscription[], active: boolean): Promise<void> {
    const namespace = `${subscriptionsPath(this.#hubPath)}/`;
    await Promise.all(
      subscriptions.map((each) =>
        this.#transport.publish(new SubscriptionEvent(this.#hubPath, each, active), namespace),
      ),
    );
  }

  #pathOf(selector: Selector): string {
    return selectorPath(this.#hubPath, selector);
  }
}
