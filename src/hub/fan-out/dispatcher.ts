import type { MatcherList } from "../../protocol/matching/matcher.js";
import { work } from "../../protocol/matching/work.js";
import { MercureError } from "../../shared/errors.js";
import type { Replay, StoredUpdate, Transport } from "../../transport/transport.js";
import { newPace, turn } from "../pacer.js";
import { PatternIndex } from "./pattern-index.js";

/** A receiver of updates at the time of their publication. */
export interface Recipient {
  readonly matchers: MatcherList;
  /**
   * The topics that the recipient can read. It receives a private update that a pattern matches only if one of the
   * update's topics is among these.
   */
  readonly privateTopics: MatcherList;

  /** Called for each matching update, in order. Called again for the same update if it matches in several ways. */
  receive(stored: StoredUpdate): void;

  /**
   * Called instead if updates need too much work to match against all patterns, or are lost to this node. The recipient
   * then reads history itself. Returns the readers that the dispatcher must call later.
   *
   * @param after - The recipient has received everything through this position.
   * @param through - The position of the last missed update.
   */
  missed(after: number, through: number): Iterable<LateReader>;

  /** Called when the hub closes. */
  end(): void;
}

/** A reader of history that waits for its turn. */
export interface LateReader {
  readOn(): void;
}

/** The max number of steps for matching patterns against one update, at once. */
export const stepsPerUpdate = 100_000;

/** The cost of a reader's `readOn` besides patterns, in steps. */
const stepsPerReader = 200;

/** The error for requests after {@link Dispatcher.close}. */
export function hubClosed(): MercureError {
  return new MercureError("ERR_CLOSED", "The hub is closed.");
}

/** The max data of one read of history, in UTF-16 units. It is the memory cost of a slow reader. */
const chunkSize = 64 * 1024;

/** The max number of updates of one read of history. */
const chunkUpdates = 1000;

/**
 * Reads a bounded chunk of history for a list of matchers. The caller must still select the matching updates.
 *
 * @param withPrivate - Whether the reader can read anything private.
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
 * Delivers each update to the recipients that match it, and finds them by topic.
 *
 * A private update is never matched against the patterns of recipients that cannot read it. Strangers can have any
 * number of patterns, and each start and end of a stream publishes private updates. The dispatcher finds recipients
 * with patterns by the topics that they can read.
 *
 * If an update needs too much work, the recipients with the last patterns read it from history. They do so one after
 * the other, and yield to everything else in between.
 */
export class Dispatcher {
  readonly #byTopic = new Map<string, Set<Recipient>>();
  readonly #byPattern = new PatternIndex<Recipient>();
  /** Recipients with patterns, by the topics that they can read. */
  readonly #byGrant = new Map<string, Set<Recipient>>();
  readonly #byGrantedPattern = new PatternIndex<Recipient>();
  readonly #late = new Set<LateReader>();
  #readsOn = false;
  readonly #stop: () => void;
  #position: number;
  #closed = false;

  constructor(transport: Transport) {
    this.#position = transport.head;
    this.#stop = transport.listen({
      update: (stored) => this.#dispatch(stored),
      gap: (through) => this.#skip(through),
    });
  }

  /** The position of the last dispatched update. A recipient added now receives every later update. */
  get position(): number {
    return this.#position;
  }

  /** The number of topics and patterns that have recipients. */
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
    for (const recipient of this.#recipients()) recipient.end();
  }

  #recipients(): Set<Recipient> {
    const recipients = new Set(this.#byPattern.all());
    for (const ofTopic of this.#byTopic.values()) for (const recipient of ofTopic) recipients.add(recipient);
    return recipients;
  }

  /** Makes all recipients read history, which tells each of them whether it has missed updates. */
  #skip(through: number): void {
    const after = this.#position;
    if (through <= after) return;
    this.#position = through;
    for (const recipient of this.#recipients()) this.#delay(recipient.missed(after, through));
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
    const { position } = stored;
    for (const recipient of unknown) this.#delay(recipient.missed(position - 1, position));
  }

  #delay(readers: Iterable<LateReader>): void {
    for (const reader of readers) this.#late.add(reader);
    if (this.#late.size > 0 && !this.#readsOn) void this.#readOn();
  }

  /**
   * Delivers a public update by pattern.
   *
   * @param unknown - Collects the recipients whose patterns need too much work now.
   */
  #dispatchByPattern(stored: StoredUpdate, topics: readonly string[], unknown: Set<Recipient>): void {
    const stepsThrough = work.steps + stepsPerUpdate;
    const receive = (recipient: Recipient) => recipient.receive(stored);
    const miss = (recipient: Recipient) => unknown.add(recipient);
    for (const topic of topics) this.#byPattern.forEach(topic, receive, stepsThrough, miss);
  }

  /** Delivers a private update by pattern, to the recipients that can read it. */
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
