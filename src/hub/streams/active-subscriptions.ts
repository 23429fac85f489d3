import {
  type ActiveSubscription,
  type Selector,
  SubscriptionEvent,
  selectorPath,
  subscriptionsPath,
} from "../../protocol/active-subscription.js";
import { work } from "../../protocol/matching/work.js";
import { type Payloads, payloadOf } from "../../protocol/tokens/grants.js";
import type { Transport } from "../../transport/transport.js";
import type { Audience } from "../fan-out/subscription-scope.js";
import { newPace } from "../pacer.js";

/** The cost of publishing an event, in steps. */
const stepsPerEvent = 1_000;

interface Entry extends ActiveSubscription {
  readonly subscribed: Subscribed;
  /** Of the first subscription of a stream: what the transport has yet to accept of the stream's events. */
  telling: Promise<void> | undefined;
}

/** The subscribers of one selector. */
interface Subscribed {
  /** The selector's. */
  readonly path: string;
  readonly bySubscriber: Map<string, Entry>;
}

/** Knows who is subscribed to what, and publishes when that changes. Mercure 0.x and 1.0 "Active Subscriptions". */
export class ActiveSubscriptions {
  readonly #hubPath: string;
  readonly #transport: Transport;
  readonly #onError: (error: unknown) => void;
  readonly #onChange: (subscription: ActiveSubscription, active: boolean) => void;
  readonly #namespace: string;
  readonly #bySelector = new Map<string, Subscribed>();
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
    this.#namespace = `${subscriptionsPath(hubPath)}/`;
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
  begin(audience: Audience, payloads: Payloads, subscriber: string): void {
    const entries = audience.selectors.map((selector) => {
      const subscribed = this.#subscribedBy(selector);
      const payload = payloadOf(payloads, selector.text);
      const isPrivate = audience.isPrivate(selector.text);
      const entry = { selector, subscriber, payload, isPrivate, subscribed, telling: undefined };
      subscribed.bySubscriber.set(subscriber, entry);
      return entry;
    });
    this.#tell(entries, true);
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
    return [...this.#bySelector.values()].flatMap(({ bySubscriber }) => [...bySubscriber.values()]);
  }

  of(selector: Selector): ActiveSubscription[] {
    return [...(this.#bySelector.get(keyOf(selector))?.bySubscriber.values() ?? [])];
  }

  find(selector: Selector, subscriber: string): ActiveSubscription | undefined {
    return this.#bySelector.get(keyOf(selector))?.bySubscriber.get(subscriber);
  }

  /** Resolves when the transport has everything that there was to tell. */
  async settled(): Promise<void> {
    while (this.#telling > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
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

  /** The events of one stream do not overtake each other. */
  #tell(entries: readonly Entry[], active: boolean): void {
    const [first] = entries;
    if (first === undefined) return;
    for (const entry of entries) this.#onChange(entry, active);
    const send = () => this.#send(entries, active);
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

  /** Many at once would hold the event loop, so that others have a turn now and then. */
  async #send(entries: readonly Entry[], active: boolean): Promise<void> {
    const pace = newPace();
    const published: Promise<unknown>[] = [];
    for (const entry of entries) {
      const event = new SubscriptionEvent(entry.subscribed.path, entry, active);
      const before = work.steps;
      published.push(this.#transport.publish(event, this.#namespace));
      const pause = pace(stepsPerEvent + entry.selector.text.length + work.steps - before);
      if (pause !== undefined) await Promise.all([pause, ...published.splice(0)]);
    }
    await Promise.all(published);
  }
}

/** Different for different selectors. */
function keyOf({ text, matchType }: Selector): string {
  return `${matchType ?? ""} ${text}`;
}
