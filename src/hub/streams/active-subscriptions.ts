import { randomUUID } from "node:crypto";
import { type ActiveSubscription, type Selector, selectorPath } from "../../protocol/active-subscription.js";
import type { PayloadOf } from "../../protocol/tokens/grants.js";
import type { Clock } from "../../shared/clock.js";
import type { Transport } from "../../transport/transport.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";
import type { SharedSubscriptions } from "../nodes/hub-nodes.js";
import type { NodeStreams } from "../nodes/node-streams.js";
import type { NodeStream, RecordedState } from "../nodes/stream-record.js";
import type { AnnouncedSubscription } from "./announced-subscription.js";
import { SubscriptionEvents } from "./subscription-events.js";

/** A change of a subscription, besides its document. */
export interface SubscriptionChange {
  /** Whether the stream is one of this process. */
  readonly isLocal: boolean;
  /** Whether `disconnect` has ended the stream. */
  readonly isDisconnected: boolean;
  /** The stream carries only updates after this position. */
  readonly start: number;
}

/** The subscribers of one selector. */
interface Subscribed {
  /** The selector's path in the web API. */
  readonly path: string;
  readonly bySubscriber: Map<string, ListedSubscription>;
}

/** A subscription, and its place in the list. */
interface ListedSubscription extends AnnouncedSubscription {
  readonly subscribed: Subscribed;
}

type OnChange = (subscription: ActiveSubscription, active: boolean, change: SubscriptionChange) => void;

/**
 * Keeps the active subscriptions of all nodes, and publishes each change of this node's subscriptions. Mercure 0.x and
 * 1.0 "Active Subscriptions".
 */
export class ActiveSubscriptions implements SharedSubscriptions {
  readonly #hubPath: string;
  readonly #events: SubscriptionEvents;
  readonly #onChange: OnChange;
  readonly #bySelector = new Map<string, Subscribed>();
  readonly #instance = randomUUID();
  #changes = 0;
  /** Undefined if the hub has only one node. */
  #nodes: NodeStreams | undefined;

  /**
   * @param onError - Called if an event cannot be published.
   * @param onChange - Called at once for each subscription that begins or ends.
   */
  constructor(
    hubPath: string,
    transport: Transport,
    clock: Clock,
    onError: (error: unknown) => void,
    onChange: OnChange = () => {},
  ) {
    this.#hubPath = hubPath;
    const entryOf = (selector: Selector, subscriber: string) => this.#entryOf(selector, subscriber);
    this.#events = new SubscriptionEvents(hubPath, transport, clock, entryOf, onError);
    this.#onChange = onChange;
  }

  /** Identifies the state of all subscriptions: it differs after each change, and in each process. */
  get version(): string {
    return `${this.#instance} ${this.#changes}`;
  }

  /** Shares the subscriptions with other nodes. Must be called before the first stream. */
  share(nodes: NodeStreams): void {
    this.#nodes = nodes;
    this.#events.share(nodes);
  }

  close(): void {
    this.#events.close();
  }

  /**
   * Adds a stream's subscriptions and publishes their events.
   *
   * The hub publishes events even when no stream can receive them. The specification requires it, and a client that
   * lists subscriptions now can request later events afterwards.
   *
   * @param start - The stream carries only updates after this position.
   * @param subject - The token's bearer in the connection limits.
   */
  begin(scope: SubscriptionScope, payloadOf: PayloadOf, subscriber: string, start = 0, subject?: string): void {
    const entries = scope.selectors.map((selector) => {
      const isPrivate = scope.isPrivate(selector.text);
      return this.#add(this.#entry(selector, subscriber, payloadOf(selector.text), isPrivate, this.#nodes?.self));
    });
    const described = () => ({ subscriber, start, subject, selectors: entries.map(describe) });
    const announce = this.#events.begin(entries, described);
    this.#report(entries, true, { isLocal: true, isDisconnected: false, start });
    announce();
  }

  /**
   * Removes a stream's subscriptions and publishes the end of each, once.
   *
   * @param isDisconnected - Whether a disconnection has ended the stream.
   */
  end({ selectors }: SubscriptionScope, subscriber: string, isDisconnected = false): void {
    const entries = selectors.flatMap((selector) => this.#remove(selector, subscriber) ?? []);
    if (entries.length === 0) return;
    const announce = this.#events.end(entries, isDisconnected);
    this.#report(entries, false, { isLocal: true, isDisconnected, start: 0 });
    announce();
  }

  add({ subscriber, start, selectors }: NodeStream, node: string): void {
    const entries = selectors.map(({ selector, payload, isPrivate }) =>
      this.#add(this.#entry(selector, subscriber, payload, isPrivate, node)),
    );
    this.#report(entries, true, { isLocal: false, isDisconnected: false, start });
  }

  remove({ subscriber, selectors }: NodeStream, state: RecordedState): void {
    const entries = selectors.flatMap(({ selector }) => this.#remove(selector, subscriber) ?? []);
    this.#report(entries, false, { isLocal: false, isDisconnected: state === "disconnected", start: 0 });
  }

  announceEnd(streams: readonly NodeStream[]): Promise<void> {
    const ended = streams.map((stream) => ({
      stream,
      entries: stream.selectors.map((each) =>
        this.#entry(each.selector, stream.subscriber, each.payload, each.isPrivate),
      ),
    }));
    return this.#events.announceEnd(ended);
  }

  forgetEnd(streams: readonly NodeStream[]): void {
    for (const { subscriber } of streams) this.#nodes!.forget(subscriber);
  }

  forgotten(streams: readonly NodeStream[]): void {
    this.#events.forgotten(streams);
  }

  /**
   * Iterates over all subscriptions, grouped by selector and in order of their start. A subscription that begins or
   * ends during the iteration can be included.
   */
  *all(): Generator<ActiveSubscription, void> {
    for (const { bySubscriber } of this.#bySelector.values()) yield* bySubscriber.values();
  }

  /** Iterates over the subscriptions of a selector, as {@link ActiveSubscriptions.all} does. */
  of(selector: Selector): Iterable<ActiveSubscription> {
    return this.#bySelector.get(keyOf(selector))?.bySubscriber.values() ?? [];
  }

  find(selector: Selector, subscriber: string): ActiveSubscription | undefined {
    return this.#entryOf(selector, subscriber);
  }

  /** Resolves when the transport has accepted all pending events. */
  settled(): Promise<void> {
    return this.#events.settled();
  }

  #entryOf(selector: Selector, subscriber: string): ListedSubscription | undefined {
    return this.#bySelector.get(keyOf(selector))?.bySubscriber.get(subscriber);
  }

  #add(entry: ListedSubscription): ListedSubscription {
    const { selector, subscriber, subscribed } = entry;
    if (subscribed.bySubscriber.size === 0) this.#bySelector.set(keyOf(selector), subscribed);
    subscribed.bySubscriber.set(subscriber, entry);
    return entry;
  }

  #entry(
    selector: Selector,
    subscriber: string,
    payload: unknown,
    isPrivate: boolean,
    node?: string,
  ): ListedSubscription {
    const subscribed = this.#bySelector.get(keyOf(selector)) ?? {
      path: selectorPath(this.#hubPath, selector),
      bySubscriber: new Map<string, ListedSubscription>(),
    };
    const { path } = subscribed;
    const state = { path, pending: undefined, isAnnounced: undefined };
    return { selector, subscriber, payload, isPrivate, node, subscribed, ...state };
  }

  #report(entries: readonly ListedSubscription[], active: boolean, change: SubscriptionChange): void {
    this.#changes++;
    for (const entry of entries) this.#onChange(entry, active, change);
  }

  #remove(selector: Selector, subscriber: string): ListedSubscription | undefined {
    const key = keyOf(selector);
    const bySubscriber = this.#bySelector.get(key)?.bySubscriber;
    const entry = bySubscriber?.get(subscriber);
    if (bySubscriber?.delete(subscriber) && bySubscriber.size === 0) this.#bySelector.delete(key);
    return entry;
  }
}

function describe({ selector, payload, isPrivate = false }: ListedSubscription): NodeStream["selectors"][number] {
  return { selector, payload, isPrivate };
}

/** Returns a key that is unique to a selector. */
function keyOf({ text, matchType }: Selector): string {
  return `${matchType ?? ""} ${text}`;
}
