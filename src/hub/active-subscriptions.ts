import {
  type ActiveSubscription,
  type Selector,
  selectorPath,
  subscriptionEvent,
  subscriptionsPath,
} from "../protocol/active-subscription.js";
import { type Grants, payloadOf } from "../protocol/grants.js";
import type { MatcherList } from "../protocol/matcher.js";
import type { Transport } from "../transport/transport.js";
import { newSubscriberId } from "./subscriber-id.js";

/** What a stream tells of itself to whoever may know. */
export interface Announcement extends Pick<Grants, "payload" | "payloads"> {
  /** Without repetition. */
  readonly selectors: readonly Selector[];
  /** The topics whose private updates come through. Default none. */
  readonly privateTopics?: MatcherList | undefined;
}

/** Knows who is subscribed to what, and publishes when that changes. Mercure 0.x and 1.0 "Active Subscriptions". */
export class ActiveSubscriptions {
  readonly #hubPath: string;
  readonly #transport: Transport;
  readonly #onError: (error: unknown) => void;
  readonly #onChange: (subscription: ActiveSubscription, active: boolean) => void;
  /** By the path of the selector, and then by subscriber. */
  readonly #bySelector = new Map<string, Map<string, ActiveSubscription>>();
  /** What the transport has yet to accept, by stream: the events of one must not overtake each other. */
  readonly #publishing = new Map<readonly ActiveSubscription[], Promise<void>>();

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
    return this.#bySelector.size === 0 && this.#publishing.size === 0;
  }

  /**
   * Tells that a stream exists. Returns the way to tell that it has ended, once.
   *
   * Events are published even while nobody may receive them: the specification asks for it, and who lists subscriptions
   * now may ask for the events since then later.
   */
  begin({ selectors, privateTopics, ...payloads }: Announcement, subscriber = newSubscriberId()): () => void {
    const subscriptions = selectors.map((selector) => {
      const { text } = selector;
      return {
        selector,
        subscriber,
        payload: payloadOf(payloads, text),
        isPrivate: privateTopics?.matches(text) ?? false,
      };
    });
    for (const subscription of subscriptions) this.#add(subscription);
    for (const subscription of subscriptions) this.#onChange(subscription, true);
    this.#publish(subscriptions, true);
    return () => {
      for (const subscription of subscriptions) this.#remove(subscription);
      for (const subscription of subscriptions) this.#onChange(subscription, false);
      this.#publish(subscriptions, false);
    };
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
    while (this.#publishing.size > 0) await Promise.all(this.#publishing.values());
  }

  #add(subscription: ActiveSubscription): void {
    const path = this.#pathOf(subscription.selector);
    const bySubscriber = this.#bySelector.get(path);
    if (bySubscriber === undefined) this.#bySelector.set(path, new Map([[subscription.subscriber, subscription]]));
    else bySubscriber.set(subscription.subscriber, subscription);
  }

  #remove({ selector, subscriber }: ActiveSubscription): void {
    const path = this.#pathOf(selector);
    const bySubscriber = this.#bySelector.get(path);
    if (bySubscriber?.delete(subscriber) && bySubscriber.size === 0) this.#bySelector.delete(path);
  }

  #publish(subscriptions: readonly ActiveSubscription[], active: boolean): void {
    const earlier = this.#publishing.get(subscriptions);
    const publishing: Promise<void> = (
      earlier === undefined ? this.#send(subscriptions, active) : earlier.then(() => this.#send(subscriptions, active))
    )
      .catch(this.#onError)
      .then(() => {
        if (this.#publishing.get(subscriptions) === publishing) this.#publishing.delete(subscriptions);
      });
    this.#publishing.set(subscriptions, publishing);
  }

  async #send(subscriptions: readonly ActiveSubscription[], active: boolean): Promise<void> {
    const namespace = `${subscriptionsPath(this.#hubPath)}/`;
    await Promise.all(
      subscriptions.map((each) => this.#transport.publish(subscriptionEvent(this.#hubPath, each, active), namespace)),
    );
  }

  #pathOf(selector: Selector): string {
    return selectorPath(this.#hubPath, selector);
  }
}
