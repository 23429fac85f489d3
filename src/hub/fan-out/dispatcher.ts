import type { MatcherList } from "../../protocol/matching/matcher.js";
import { work } from "../../protocol/matching/work.js";
import { MercureError } from "../../shared/errors.js";
import type { Replay, StoredUpdate, Transport } from "../../transport/transport.js";
import { newPace, turn } from "../pacer.js";
import { PatternRoutes } from "./pattern-index.js";

/** A receiver of updates as they come. */
export interface Recipient {
  readonly matchers: MatcherList;
  /** A private update that a pattern matches comes only when one of its topics is among these. */
  readonly privateTopics: MatcherList;

  /** Called for each update that matches, in order; again for the same update when it matches in several ways. */
  receive(stored: StoredUpdate): void;

  /**
   * Called instead for an update that it was too much work to hold against all patterns: the recipient looks in history
   * itself. Returns the readers that have to be told to go on when there is time.
   */
  missed(stored: StoredUpdate): Iterable<LateReader>;

  /** Called when the hub closes. */
  end(): void;
}

/** A reader of history that waits for its turn. */
export interface LateReader {
  readOn(): void;
}

/** How many steps the patterns may take for one update, at once. */
export const stepsPerUpdate = 100_000;

/** The cost of telling a reader to go on, besides patterns, in steps. */
const stepsPerReader = 200;

/** The error for requests after {@link Dispatcher.close}. */
export function hubClosed(): MercureError {
  return new MercureError("ERR_CLOSED", "The hub is closed.");
}

/** How much data a reader takes from history at a time, in UTF-16 units; this is what a slow one costs in memory. */
const chunkSize = 64 * 1024;

/** How many updates a reader looks at at a time. */
const chunkUpdates = 1000;

/**
 * Reads a bounded stretch of what history has for some matchers. The caller still picks what matches.
 *
 * @param withPrivate - Whether the reader may read anything private.
 */
export function readHistory(
  transport: Transport,
  { exact, patterns }: MatcherList,
  after: number,
  withPrivate = true,
): Replay | Promise<Replay> {
  const topics = patterns.length === 0 ? exact : "*";
  return transport.read({ topics, after, limit: chunkSize, maxUpdates: chunkUpdates, private: withPrivate });
}

/**
 * Brings each update to the recipients that it matches, finding them by topic.
 *
 * A private update is not held against the patterns of those who may not read it: strangers can have as many patterns
 * as they like, and each stream that begins or ends is told by private updates. Recipients with patterns are found by
 * what they may read.
 *
 * Where an update would be too much work, those whose patterns come last read it in history, one after the other,
 * between which everybody else has a turn.
 */
export class Dispatcher {
  readonly #byTopic = new Map<string, Set<Recipient>>();
  readonly #byPattern = new PatternRoutes<Recipient>();
  /** Recipients with patterns, by the topics that they may read. */
  readonly #byGrant = new Map<string, Set<Recipient>>();
  readonly #byGrantedPattern = new PatternRoutes<Recipient>();
  readonly #late = new Set<LateReader>();
  #readsOn = false;
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
    const { matchers, privateTopics } = recipient;
    addTo(this.#byTopic, matchers.exact, recipient);
    if (matchers.patterns.length === 0) return;
    for (const pattern of matchers.patterns) this.#byPattern.add(pattern, recipient);
    addTo(this.#byGrant, privateTopics.exact, recipient);
    for (const pattern of privateTopics.patterns) this.#byGrantedPattern.add(pattern, recipient);
  }

  remove(recipient: Recipient): void {
    const { matchers, privateTopics } = recipient;
    removeFrom(this.#byTopic, matchers.exact, recipient);
    if (matchers.patterns.length === 0) return;
    for (const pattern of matchers.patterns) this.#byPattern.remove(pattern, recipient);
    removeFrom(this.#byGrant, privateTopics.exact, recipient);
    for (const pattern of privateTopics.patterns) this.#byGrantedPattern.remove(pattern, recipient);
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
    const { topics, private: isPrivate } = stored.update;
    const receive = (recipient: Recipient) => recipient.receive(stored);
    for (const topic of topics) this.#byTopic.get(topic)?.forEach(receive);
    if (this.#byPattern.size === 0) return;
    const unknown = new Set<Recipient>();
    if (isPrivate) this.#dispatchByGrant(stored, topics, unknown);
    else this.#dispatchByPattern(stored, topics, unknown);
    for (const recipient of unknown) for (const reader of recipient.missed(stored)) this.#late.add(reader);
    if (this.#late.size > 0 && !this.#readsOn) void this.#readOn();
  }

  /** @param unknown - Gets those whose patterns are too much work now. */
  #dispatchByPattern(stored: StoredUpdate, topics: readonly string[], unknown: Set<Recipient>): void {
    const stepsThrough = work.steps + stepsPerUpdate;
    const receive = (recipient: Recipient) => recipient.receive(stored);
    const miss = (recipient: Recipient) => unknown.add(recipient);
    for (const topic of topics) this.#byPattern.forEach(topic, receive, stepsThrough, miss);
  }

  /** The same for a private update, by those who may read it. */
  #dispatchByGrant(stored: StoredUpdate, topics: readonly string[], unknown: Set<Recipient>): void {
    const stepsThrough = work.steps + stepsPerUpdate;
    const miss = (recipient: Recipient) => unknown.add(recipient);
    const receive = (recipient: Recipient) => {
      if (work.steps >= stepsThrough) miss(recipient);
      else if (topics.some((topic) => recipient.matchers.matchesByPattern(topic))) recipient.receive(stored);
    };
    for (const topic of topics) {
      this.#byGrant.get(topic)?.forEach(receive);
      this.#byGrantedPattern.forEach(topic, receive, stepsThrough, miss);
    }
  }

  async #readOn(): Promise<void> {
    const pace = newPace();
    this.#readsOn = true;
    await turn();
    for (const reader of this.#late) {
      this.#late.delete(reader);
      const before = work.steps;
      reader.readOn();
      const pause = pace(work.steps - before + stepsPerReader);
      if (pause !== undefined) await pause;
    }
    this.#readsOn = false;
  }
}

function addTo(recipients: Map<string, Set<Recipient>>, topics: Iterable<string>, recipient: Recipient): void {
  for (const topic of topics) {
    const known = recipients.get(topic);
    if (known === undefined) recipients.set(topic, new Set([recipient]));
    else known.add(recipient);
  }
}

function removeFrom(recipients: Map<string, Set<Recipient>>, topics: Iterable<string>, recipient: Recipient): void {
  for (const topic of topics) {
    const known = recipients.get(topic);
    if (known?.delete(recipient) && known.size === 0) recipients.delete(topic);
  }
}
