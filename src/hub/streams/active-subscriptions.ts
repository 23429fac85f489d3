import { randomUUID } from "node:crypto";
import {
  type ActiveSubscription,
  type Selector,
  selectorPath,
  subscriptionEvent,
  subscriptionsPath,
} from "../../protocol/active-subscription.js";
import { work } from "../../protocol/matching/work.js";
import { percentEncode } from "../../protocol/percent-encode.js";
import type { PayloadOf } from "../../protocol/tokens/grants.js";
import type { Transport } from "../../transport/transport.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";
import type { SharedSubscriptions } from "../nodes/hub-nodes.js";
import type { NodeStreams } from "../nodes/node-streams.js";
import type { NodeStream, StreamState } from "../nodes/stream-record.js";
import { newPace } from "../pacer.js";

/** The cost of publishing an event, in steps. */
const stepsPerEvent = 1_000;

/** The max data of one read of history, in UTF-16 units. */
const historyChunk = 256 * 1024;

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

/** A stream of this node, as the other nodes know it. */
interface OwnStream {
  readonly described: NodeStream;
  readonly entries: readonly Entry[];
}

/** A change of a subscription, besides its document. */
export interface SubscriptionChange {
  /** Whether the stream is one of this process. */
  readonly isLocal: boolean;
  /** Whether `disconnect` has ended the stream. */
  readonly isDisconnected: boolean;
  /** The stream carries only updates after this position. */
  readonly start: number;
}

type OnChange = (subscription: ActiveSubscription, active: boolean, change: SubscriptionChange) => void;

/**
 * Keeps the active subscriptions of all nodes, and publishes each change of this node's. Mercure 0.x and 1.0 "Active
 * Subscriptions".
 */
export class ActiveSubscriptions implements SharedSubscriptions {
  readonly #hubPath: string;
  readonly #transport: Transport;
  readonly #onError: (error: unknown) => void;
  readonly #onChange: OnChange;
  readonly #namespace: string;
  readonly #bySelector = new Map<string, Subscribed>();
  readonly #instance = randomUUID();
  #changes = 0;
  /** The number of streams whose events the transport has not accepted yet. */
  #pending = 0;
  readonly #waiting: (() => void)[] = [];
  /** Undefined if the hub has only one node. */
  #nodes: NodeStreams | undefined;
  /** The streams of this node, if there are other nodes. */
  readonly #own = new Map<string, OwnStream>();
  /** The streams whose end another node may announce. */
  #absent: Map<string, OwnStream> | undefined;

  /**
   * @param onError - Called if an event cannot be published.
   * @param onChange - Called at once for each subscription that begins or ends.
   */
  constructor(hubPath: string, transport: Transport, onError: (error: unknown) => void, onChange: OnChange = () => {}) {
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

  /** Shares the subscriptions with other nodes. Must be called before the first stream. */
  share(nodes: NodeStreams): void {
    this.#nodes = nodes;
  }

  /**
   * Adds a stream's subscriptions and publishes their events.
   *
   * The hub publishes events even while nobody can receive them. The specification requires it, and a client that lists
   * subscriptions now can request later events afterwards.
   *
   * @param start - The stream carries only updates after this position.
   * @param subject - The token's bearer in the connection limits.
   */
  begin(audience: SubscriptionScope, payloadOf: PayloadOf, subscriber: string, start = 0, subject?: string): void {
    const entries = audience.selectors.map((selector) => {
      const isPrivate = audience.isPrivate(selector.text);
      return this.#add(selector, subscriber, payloadOf(selector.text), isPrivate, this.#nodes?.self);
    });
    if (this.#nodes !== undefined) {
      const described: NodeStream = { subscriber, state: "open", start, subject, selectors: entries.map(describe) };
      this.#own.set(subscriber, { described, entries });
      this.#nodes.tell(described);
    }
    this.#report(entries, true, { isLocal: true, isDisconnected: false, start });
    this.#publishEvents(entries, true);
  }

  /**
   * Removes a stream's subscriptions and publishes the end of each, once.
   *
   * @param isDisconnected - Whether an order has ended the stream.
   */
  end({ selectors }: SubscriptionScope, subscriber: string, isDisconnected = false): void {
    const entries = selectors.flatMap((selector) => this.#remove(selector, subscriber) ?? []);
    if (entries.length === 0) return;
    const own = this.#own.get(subscriber);
    if (own !== undefined) {
      this.#own.delete(subscriber);
      this.#nodes!.tell({ ...own.described, state: isDisconnected ? "disconnected" : "ended" });
    }
    this.#report(entries, false, { isLocal: true, isDisconnected, start: 0 });
    if (!this.#absent?.has(subscriber)) this.#publishEvents(entries, false);
  }

  add({ subscriber, start, selectors }: NodeStream, node: string): void {
    const entries = selectors.map(({ selector, payload, isPrivate }) =>
      this.#add(selector, subscriber, payload, isPrivate, node),
    );
    this.#report(entries, true, { isLocal: false, isDisconnected: false, start });
  }

  remove({ subscriber, selectors }: NodeStream, state: StreamState): void {
    const entries = selectors.flatMap(({ selector }) => this.#remove(selector, subscriber) ?? []);
    this.#report(entries, false, { isLocal: false, isDisconnected: state === "disconnected", start: 0 });
  }

  async announceEnd(streams: readonly NodeStream[]): Promise<void> {
    const entries = streams.flatMap(({ subscriber, selectors }) =>
      selectors.map((each) => this.#entry(each.selector, subscriber, each.payload, each.isPrivate)),
    );
    if (entries.length === 0) return;
    const ended = await this.#announcedEnds(new Set(entries.map(eventTopic)));
    await this.#send(
      entries.filter((entry) => !ended.has(eventTopic(entry))),
      false,
    );
  }

  beginAbsence(): void {
    this.#absent = new Map([...(this.#absent ?? []), ...this.#own]);
  }

  endAbsence(isAnnounced: boolean): void {
    for (const [subscriber, { entries }] of this.#absent ?? []) {
      const isOpen = this.#own.has(subscriber);
      if (isOpen === isAnnounced) this.#publishEvents(entries, isOpen);
      else if (!isOpen) this.#nodes!.forget(subscriber);
    }
    this.#absent = undefined;
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

  #add(selector: Selector, subscriber: string, payload: unknown, isPrivate: boolean, node?: string): Entry {
    const entry = this.#entry(selector, subscriber, payload, isPrivate, node);
    const { subscribed } = entry;
    if (subscribed.bySubscriber.size === 0) this.#bySelector.set(keyOf(selector), subscribed);
    subscribed.bySubscriber.set(subscriber, entry);
    return entry;
  }

  #entry(selector: Selector, subscriber: string, payload: unknown, isPrivate: boolean, node?: string): Entry {
    const subscribed = this.#bySelector.get(keyOf(selector)) ?? {
      path: selectorPath(this.#hubPath, selector),
      bySubscriber: new Map<string, Entry>(),
    };
    return { selector, subscriber, payload, isPrivate, node, subscribed, pending: undefined };
  }

  #report(entries: readonly Entry[], active: boolean, change: SubscriptionChange): void {
    this.#changes++;
    for (const entry of entries) this.#onChange(entry, active, change);
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
    const send = () => this.#send(entries, active);
    this.#pending++;
    const sent: Promise<void> = (first.pending === undefined ? send() : first.pending.then(send))
      .catch(this.#onError)
      .then(() => this.#settle(first, sent, active));
    first.pending = sent;
  }

  #settle(first: Entry, sent: Promise<void>, active: boolean): void {
    if (!active) this.#nodes?.forget(first.subscriber);
    if (first.pending === sent) first.pending = undefined;
    if (--this.#pending > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Publishes events and yields to the event loop between batches, because many at once would block it. */
  async #send(entries: readonly Entry[], active: boolean): Promise<void> {
    // A reader of the list resumes at this node's head, so no node may know an event before the change of the list.
    if (this.#nodes !== undefined) await new Promise(setImmediate);
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

  /** Resolves to those of the events' topics whose last event in history is an end. */
  async #announcedEnds(topics: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const ended = new Set<string>();
    for (let after = 0, isRead = false; !isRead; ) {
      const { updates, through } = await this.#transport.read({ topics, after, limit: historyChunk });
      for (const { topics: names, data } of updates.map(({ update }) => update)) {
        if ((JSON.parse(data) as { active: boolean }).active) ended.delete(names[0]!);
        else ended.add(names[0]!);
      }
      isRead = through >= this.#transport.head;
      after = through;
    }
    return ended;
  }
}

function describe({ selector, payload, isPrivate = false }: Entry): NodeStream["selectors"][number] {
  return { selector, payload, isPrivate };
}

/** Returns the topic of a subscription that each of its events has first. */
function eventTopic({ subscribed: { path }, subscriber }: Entry): string {
  return `${path}/${percentEncode(subscriber)}`;
}

/** Returns a key that is unique to a selector. */
function keyOf({ text, matchType }: Selector): string {
  return `${matchType ?? ""} ${text}`;
}
