import {
  type Selector,
  type SubscriptionDocument,
  selectorPath,
  subscriptionsPath,
} from "../../protocol/active-subscription.js";
import type { Update } from "../../protocol/update.js";
import type { Clock } from "../../shared/clock.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import { NotSentAgain, type Transport } from "../../transport/transport.js";
import type { NodeStreams } from "../nodes/node-streams.js";
import type { NodeStream } from "../nodes/stream-record.js";
import { type AnnouncedSubscription, eventTopic } from "./announced-subscription.js";
import { EventPublication } from "./event-publication.js";
import { inPace } from "./in-pace.js";
import { LastEvents } from "./last-events.js";

/** The max number of ended streams whose start and end wait for the store. Above it, the oldest are never announced. */
const maxUnannounced = 5000;

/** The time until events are checked again after a failure of the store, in milliseconds. */
const retryInterval = 200;

/** A stream of this node, as the other nodes know it. */
interface OwnStream {
  readonly described: NodeStream;
  readonly entries: readonly AnnouncedSubscription[];
}

/** A stream of this node that has ended, by the topics of its events. */
interface EndingStream {
  readonly stream: OwnStream;
  readonly byTopic: ReadonlyMap<string, AnnouncedSubscription>;
}

type Find = (selector: Selector, subscriber: string) => AnnouncedSubscription | undefined;

/**
 * Publishes the start and the end of subscriptions. With several nodes it also receives the events of all nodes. The
 * last event of a stream of this node can be wrong, because another node considered this one ended or because the store
 * failed. It then publishes a correction.
 */
export class SubscriptionEvents {
  readonly #hubPath: string;
  readonly #transport: Transport;
  readonly #find: Find;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #namespace: string;
  /** The number of streams whose events the transport has not accepted yet. */
  #pending = 0;
  readonly #waiting: (() => void)[] = [];
  /** Undefined if the hub has only one node. */
  #nodes: NodeStreams | undefined;
  /** The streams of this node, if there are other nodes. */
  readonly #own = new Map<string, OwnStream>();
  /** The streams of this node whose end is not announced yet, if there are other nodes. */
  readonly #ending = new Map<string, EndingStream>();
  readonly #events: EventPublication;
  readonly #last: LastEvents;
  /** The streams whose events the store may not have accepted. */
  readonly #failed = new Set<OwnStream>();
  /** The failed streams that have ended. No node has received their start. */
  readonly #unannounced = new OldestFirstMap<OwnStream, true>();
  #stop = () => {};
  #isClosed = false;

  /**
   * @param find - Returns an open subscription.
   * @param onError - Called if an event cannot be published.
   */
  constructor(hubPath: string, transport: Transport, clock: Clock, find: Find, onError: (error: unknown) => void) {
    this.#hubPath = hubPath;
    this.#namespace = `${subscriptionsPath(hubPath)}/`;
    this.#transport = transport;
    this.#clock = clock;
    this.#find = find;
    this.#events = new EventPublication(transport, this.#namespace);
    this.#last = new LastEvents(transport);
    this.#onError = onError;
  }

  share(nodes: NodeStreams): void {
    this.#nodes = nodes;
    this.#stop = this.#transport.listen({ update: ({ update }) => this.#hear(update) });
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  /**
   * Describes a stream of this node to the others. Returns a function that announces its start.
   *
   * @param describe - Returns the description.
   */
  begin(entries: readonly AnnouncedSubscription[], describe: () => Omit<NodeStream, "state">): () => void {
    if (this.#nodes !== undefined) {
      const described: NodeStream = { ...describe(), state: "open" };
      this.#own.set(described.subscriber, { described, entries });
      this.#nodes.tell(described);
    }
    return () => this.#publish(entries, true);
  }

  /** Describes the end of a stream of this node to the others. Returns a function that announces it. */
  end(entries: readonly AnnouncedSubscription[], isDisconnected: boolean): () => void {
    const { subscriber } = entries[0]!;
    const stream = this.#own.get(subscriber);
    if (stream !== undefined) {
      this.#own.delete(subscriber);
      const byTopic = new Map(stream.entries.map((each) => [eventTopic(each), each]));
      this.#ending.set(subscriber, { stream, byTopic });
      this.#nodes!.tell({ ...stream.described, state: isDisconnected ? "disconnected" : "ended" });
    }
    return () => this.#publish(entries, false);
  }

  /** Announces the end of streams of a node that has ended, except those whose end is announced. */
  async announceEnd(
    ended: readonly { readonly stream: NodeStream; readonly entries: readonly AnnouncedSubscription[] }[],
  ): Promise<void> {
    // If this node dies meanwhile, the others announce the remaining ends as those of its own streams.
    await inPace(ended, ({ stream, entries }) => {
      if (entries.length > 0) this.#nodes!.tell({ ...stream, state: "ended" });
    });
    await endOfTurn();
    const isAnnounced = await this.#last.areBegins(new Set(ended.flatMap(({ entries }) => entries.map(eventTopic))));
    const rest = ended.flatMap(({ stream: { start }, entries }) =>
      entries.filter(
        (entry) => isAnnounced(entry, start) && this.#find(entry.selector, entry.subscriber) === undefined,
      ),
    );
    // The descriptions are on their way to the store before the events.
    await endOfTurn();
    await this.#events.publish(rest, false);
  }

  /** Notes that other nodes have removed their ended streams. */
  forgotten(streams: readonly NodeStream[]): void {
    for (const { subscriber, selectors } of streams) {
      for (const { selector } of selectors) {
        this.#last.forget(eventTopic({ path: selectorPath(this.#hubPath, selector), subscriber }));
      }
    }
  }

  /** Resolves when the transport has accepted all pending events. */
  async settled(): Promise<void> {
    while (this.#pending > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Receives the events of all nodes, in their common order. */
  #hear({ topics: [topic = ""], data }: Update): void {
    if (!topic.startsWith(this.#namespace)) return;
    const { subscriber, active, ...of } = JSON.parse(data) as SubscriptionDocument;
    const own = this.#own.get(subscriber);
    const ending = this.#ending.get(subscriber);
    if (own === undefined && ending === undefined) {
      this.#last.hear(topic, active);
      return;
    }
    const selector = { text: of.match ?? of.topic ?? "", matchType: of.match_type };
    const entry = own === undefined ? ending!.byTopic.get(topic) : this.#find(selector, subscriber);
    if (entry !== undefined) entry.isAnnounced = active;
    // A node that considers this one ended can announce an end late.
    if (own !== undefined && !active) this.#correct(own);
  }

  /** Publishes corrections where the last events of a stream of this node are wrong. */
  #correct(stream: OwnStream): void {
    const { subscriber } = stream.described;
    const isOpen = this.#own.get(subscriber) === stream;
    const isEnding = this.#ending.get(subscriber)?.stream === stream;
    const [first] = stream.entries;
    if (this.#isClosed || first === undefined || !(isOpen || isEnding)) return;
    if (first.pending !== undefined) {
      void first.pending.then(() => this.#correct(stream));
      return;
    }
    // A stream can begin and end while the store is away. Subscribers hear both.
    const unknown = stream.entries.filter(({ isAnnounced }) => isAnnounced === undefined);
    if (!isOpen && unknown.length > 0) this.#publish(unknown, true, first);
    const wrong = stream.entries.filter(({ isAnnounced }) => isAnnounced !== isOpen);
    if (wrong.length > 0) this.#publish(wrong, isOpen, first);
    else if (!isOpen) this.#forget(subscriber);
  }

  #correctAll(streams: Iterable<OwnStream>): Promise<void> {
    return inPace(streams, (stream) => {
      this.#correct(stream);
      return stream.entries[0]?.pending;
    });
  }

  #forget(subscriber: string): void {
    const ending = this.#ending.get(subscriber);
    if (ending !== undefined) this.#unannounced.delete(ending.stream);
    this.#ending.delete(subscriber);
    this.#nodes?.forget(subscriber);
  }

  /**
   * Publishes events after the pending ones of the same stream, so that they stay in order.
   *
   * @param first - The first subscription of the stream.
   */
  #publish(entries: readonly AnnouncedSubscription[], active: boolean, first = entries[0]): void {
    if (first === undefined) return;
    const send = async () => {
      const stream = this.#streamOf(first.subscriber);
      // The events before must be corrected first.
      if (stream !== undefined && this.#failed.has(stream)) throw new NotSentAgain();
      // A reader of the list resumes at this node's head, so no node may know an event before the change of the list.
      if (this.#nodes !== undefined) await endOfTurn();
      await this.#events.publish(entries, active);
      // This node can have missed its own event, if it was paused for long.
      for (const entry of entries) entry.isAnnounced ??= active;
    };
    this.#pending++;
    const sent: Promise<void> = (first.pending === undefined ? send() : first.pending.then(send)).then(
      () => this.#settle(first, sent, active, true),
      (error: unknown) => {
        if (!(error instanceof NotSentAgain)) this.#onError(error);
        this.#settle(first, sent, active, false);
      },
    );
    first.pending = sent;
  }

  #settle(first: AnnouncedSubscription, sent: Promise<void>, active: boolean, isSent: boolean): void {
    const { subscriber } = first;
    if (isSent && !active) this.#forget(subscriber);
    if (first.pending === sent) first.pending = undefined;
    if (!isSent) this.#fail(subscriber);
    if (--this.#pending > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Corrects the events of a stream once the store works again. The store may have accepted them. */
  #fail(subscriber: string): void {
    const stream = this.#streamOf(subscriber);
    if (stream === undefined) return;
    if (this.#failed.size === 0) this.#correctFailedLater();
    this.#failed.add(stream);
    if (!this.#ending.has(subscriber) || stream.entries.some(({ isAnnounced }) => isAnnounced !== undefined)) return;
    this.#unannounced.set(stream, true);
    if (this.#unannounced.size <= maxUnannounced) return;
    const [oldest] = this.#unannounced.shift()!;
    this.#failed.delete(oldest);
    this.#forget(oldest.described.subscriber);
  }

  /** Returns a stream of this node, until its end is announced. */
  #streamOf(subscriber: string): OwnStream | undefined {
    return this.#own.get(subscriber) ?? this.#ending.get(subscriber)?.stream;
  }

  #correctFailedLater(): void {
    this.#clock.at(this.#clock.now() + retryInterval, () => this.#correctFailed());
  }

  #correctFailed(): void {
    if (this.#isClosed) return;
    if (this.#transport.state === "ready") void this.#correctAll(this.#takeFailed());
    else this.#correctFailedLater();
  }

  /** Yields each stream when it is about to be corrected: until then no other event of it is published. */
  *#takeFailed(): Generator<OwnStream, void> {
    for (const stream of this.#failed) {
      if (this.#transport.state !== "ready") return this.#correctFailedLater();
      this.#failed.delete(stream);
      yield stream;
    }
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
