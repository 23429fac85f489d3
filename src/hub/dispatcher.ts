import { MercureError } from "../errors.js";
import type { MatcherList } from "../protocol/matcher.js";
import type { Replay, StoredUpdate, Transport } from "../transport/transport.js";
import { PatternRoutes } from "./pattern-routes.js";

/** Who wants to know of updates as they come. */
export interface Recipient {
  readonly matchers: MatcherList;

  /** Called for each update that matches, in order; again for the same update when it matches in several ways. */
  receive(stored: StoredUpdate): void;

  /** Called when the hub closes. */
  end(): void;
}

/** What whoever comes after {@link Dispatcher.close} is told. */
export function hubClosed(): MercureError {
  return new MercureError("ERR_CLOSED", "The hub is closed.");
}

/** How much data a reader takes from history at a time, in UTF-16 units; this is what a slow one costs in memory. */
const chunkSize = 64 * 1024;

/** Reads what history has for some matchers. The caller still picks what matches. */
export function readHistory(
  transport: Transport,
  { exact, patterns }: MatcherList,
  after: number,
): Replay | Promise<Replay> {
  return transport.read({ topics: patterns.length === 0 ? exact : "*", after, limit: chunkSize });
}

/** Brings each update to the recipients that it matches, finding them by topic. */
export class Dispatcher {
  readonly #byTopic = new Map<string, Set<Recipient>>();
  readonly #byPattern = new PatternRoutes<Recipient>();
  readonly #stop: () => void;
  #position: number;
  #closed = false;

  constructor(transport: Transport) {
    this.#position = transport.head;
    this.#stop = transport.listen((stored) => this.#dispatch(stored));
  }

  /** Every later update will be dispatched to whoever is added now. */
  get position(): number {
    return this.#position;
  }

  /** How many topics and patterns somebody waits for. */
  get size(): number {
    return this.#byTopic.size + this.#byPattern.size;
  }

  add(recipient: Recipient): void {
    for (const topic of recipient.matchers.exact) {
      const recipients = this.#byTopic.get(topic);
      if (recipients === undefined) this.#byTopic.set(topic, new Set([recipient]));
      else recipients.add(recipient);
    }
    for (const pattern of recipient.matchers.patterns) this.#byPattern.add(pattern, recipient);
  }

  remove(recipient: Recipient): void {
    for (const topic of recipient.matchers.exact) {
      const recipients = this.#byTopic.get(topic);
      if (recipients?.delete(recipient) && recipients.size === 0) this.#byTopic.delete(topic);
    }
    for (const pattern of recipient.matchers.patterns) this.#byPattern.remove(pattern, recipient);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ends all recipients. */
  close(): void {
    this.#closed = true;
    this.#stop();
    const recipients = new Set(this.#byPattern.all());
    for (const ofTopic of this.#byTopic.values()) for (const recipient of ofTopic) recipients.add(recipient);
    for (const recipient of recipients) recipient.end();
  }

  #dispatch(stored: StoredUpdate): void {
    this.#position = stored.position;
    const receive = (recipient: Recipient) => recipient.receive(stored);
    for (const topic of stored.update.topics) {
      this.#byTopic.get(topic)?.forEach(receive);
      this.#byPattern.forEach(topic, receive);
    }
  }
}
