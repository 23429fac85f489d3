import type { Update } from "../../protocol/update.js";
import type { Replay, ReplayQuery, StoredUpdate } from "../transport.js";
import type { HistoryLimits } from "./history-options.js";
import { type Identified, IdIndex } from "./id-index.js";
import { mergeLogs } from "./merge-logs.js";
import type { OnDrop } from "./on-drop.js";
import { PositionLog } from "./position-log.js";
import { sizeOf } from "./size-of.js";

interface RetainedUpdate extends Identified {
  readonly bytes: number;
  /** The publisher's key. A newer update of the same key replaces the entry in each topic that both have. */
  readonly key: string | undefined;
  /** The number of topics that still hold the entry. */
  holders: number;
  /** Whether a topic has evicted the entry. Readers do not miss an entry that newer ones have replaced in all its topics. */
  evicted: boolean;
}

interface Topic {
  readonly entries: PositionLog<RetainedUpdate>;
  /** The max number of entries. */
  readonly length: number;
  /** The newest entry of each key. Undefined while no update had one. */
  byKey: Map<string, RetainedUpdate> | undefined;
  /** Updates of the topic up to this position may have been evicted. */
  evictedThrough: number;
  /** The number of losses that the topic has been checked for. */
  losses: number;
}

/**
 * Stores the newest updates of each topic in bounded memory, so that busy topics do not evict quiet ones.
 *
 * An update with several topics lives as long as one of them holds it. While a topic holds an update, history knows
 * exactly which of its updates were evicted. History forgets an empty topic. A publisher could otherwise fill the
 * memory with new topics. A reader of a forgotten topic may be told of a gap that does not exist, and never misses a
 * real one.
 */
export class TopicHistory {
  readonly #limits: HistoryLimits;
  readonly #onDrop: OnDrop;
  readonly #topics = new Map<string, Topic>();
  /** All entries in order. Dead ones are removed once they are the majority. */
  readonly #log = new PositionLog<RetainedUpdate>();
  /** The updates with ids of publishers. Ids of the hub encode their position and need no index. */
  readonly #byId = new IdIndex<RetainedUpdate>();
  #dead = 0;
  #bytes = 0;
  /** Updates up to this position may have been dropped by all topics. */
  #droppedThrough = 0;
  /** The highest `evictedThrough` of all forgotten topics. */
  #forgottenThrough = 0;
  /** Updates up to this position may be missing among those that are added now; 0 if none. */
  #missingThrough = 0;
  #losses = 0;

  /** @param onDrop - Called with each update that the last topic has dropped. */
  constructor(limits: HistoryLimits, onDrop: OnDrop = () => {}) {
    this.#limits = limits;
    this.#onDrop = onDrop;
  }

  /** The estimated memory of the history, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param byId - Whether {@link TopicHistory.oldest} and {@link TopicHistory.newest} must find the update by its id.
   * @param key - The publisher's key, if the update replaces older ones.
   */
  add(position: number, update: Update, byId: boolean, key?: string): void {
    const entry: RetainedUpdate = {
      position,
      update,
      bytes: sizeOf(update),
      key,
      holders: update.topics.length,
      evicted: false,
    };
    this.#log.push(entry);
    this.#bytes += entry.bytes;
    if (byId) this.#byId.add(entry);
    for (const name of update.topics) this.#hold(name, entry);
    while (this.#bytes > this.#limits.bytes) this.#evict(this.#log.first!);
  }

  /** Returns the oldest update in history with a publisher's id. */
  oldest(id: string): StoredUpdate | undefined {
    return this.#byId.oldest(id);
  }

  /** Returns the newest update in history with a publisher's id. */
  newest(id: string): StoredUpdate | undefined {
    return this.#byId.newest(id);
  }

  /** A topic without updates may have lost updates up to this position. */
  get forgottenThrough(): number {
    return this.#forgottenThrough;
  }

  /** See `beginLoss` in `history.ts`. */
  beginLoss(through: number, forgotten: number, after: number): void {
    this.#droppedThrough = Math.max(this.#droppedThrough, through);
    this.#forgottenThrough = Math.max(this.#forgottenThrough, forgotten);
    this.#missingThrough = Math.max(this.#missingThrough, through);
    this.#losses++;
    if (forgotten <= after) return;
    for (const topic of this.#topics.values()) topic.evictedThrough = Math.max(topic.evictedThrough, forgotten);
  }

  endLoss(): void {
    this.#missingThrough = 0;
  }

  /** Marks all updates up to a position as lost. */
  lose(through: number): void {
    this.#droppedThrough = Math.max(this.#droppedThrough, through);
    this.#forgottenThrough = Math.max(this.#forgottenThrough, through);
    for (const topic of this.#topics.values()) topic.evictedThrough = Math.max(topic.evictedThrough, through);
  }

  /** @param head - The newest position of all. */
  read(query: ReplayQuery, head: number): Replay {
    const { topics, after, limit = Number.POSITIVE_INFINITY, maxUpdates = Number.POSITIVE_INFINITY } = query;
    const lostThrough = topics === "*" ? this.#droppedThrough : this.#evictedThrough(topics);
    const updates: StoredUpdate[] = [];
    let size = 0;
    let looked = 0;
    let through = after;
    for (const entry of topics === "*" ? this.#log.after(after) : this.#merge(topics, after)) {
      if (size > limit || looked === maxUpdates) return { updates, lostThrough, through };
      looked++;
      through = entry.position;
      if (entry.holders === 0 || (query.private === false && entry.update.private)) continue;
      updates.push(entry);
      size += entry.update.data.length;
    }
    return { updates, lostThrough, through: Math.max(after, head) };
  }

  #evictedThrough(topics: ReadonlySet<string>): number {
    let position = 0;
    for (const name of topics) {
      position = Math.max(position, this.#topics.get(name)?.evictedThrough ?? this.#forgottenThrough);
    }
    return position;
  }

  #merge(topics: ReadonlySet<string>, after: number): Iterable<RetainedUpdate> {
    const logs = [...topics].flatMap((name) => this.#topics.get(name)?.entries ?? []);
    return logs.length === 1 ? logs[0]!.after(after) : mergeLogs(logs, after);
  }

  #hold(name: string, entry: RetainedUpdate): void {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      const length = this.#limits.lengthOf(name);
      const evictedThrough = this.#forgottenThrough;
      topic = { entries: new PositionLog(), length, byKey: undefined, evictedThrough, losses: -1 };
      this.#topics.set(name, topic);
    }
    if (topic.losses !== this.#losses) {
      // All possible losses of the topic come before the first update that follows the loss.
      topic.losses = this.#losses;
      topic.evictedThrough = Math.max(topic.evictedThrough, Math.min(this.#missingThrough, entry.position - 1));
    }
    if (entry.key !== undefined) this.#replace(topic, entry, entry.key);
    topic.entries.push(entry);
    if (topic.entries.length > topic.length) this.#release(name, topic);
  }

  /** Removes the older entry of a key from a topic. A reader that has not seen it misses nothing. */
  #replace(topic: Topic, entry: RetainedUpdate, key: string): void {
    topic.byKey ??= new Map();
    const older = topic.byKey.get(key);
    topic.byKey.set(key, entry);
    if (older === undefined) return;
    topic.entries.delete(older);
    if (--older.holders === 0) this.#drop(older);
  }

  /** Evicts an entry, the oldest living one, from all topics that hold it. */
  #evict(entry: RetainedUpdate): void {
    for (const name of entry.update.topics) {
      const topic = this.#topics.get(name);
      if (topic?.entries.first === entry) this.#release(name, topic);
    }
  }

  /** Evicts the oldest entry of a topic. */
  #release(name: string, topic: Topic): void {
    const entry = topic.entries.shift()!;
    topic.evictedThrough = Math.max(topic.evictedThrough, entry.position);
    if (entry.key !== undefined && topic.byKey?.get(entry.key) === entry) topic.byKey.delete(entry.key);
    if (topic.entries.length === 0) {
      this.#topics.delete(name);
      this.#forgottenThrough = Math.max(this.#forgottenThrough, entry.position);
    }
    entry.evicted = true;
    if (--entry.holders === 0) this.#drop(entry);
  }

  #drop(entry: RetainedUpdate): void {
    this.#bytes -= entry.bytes;
    if (entry.evicted) this.#droppedThrough = Math.max(this.#droppedThrough, entry.position);
    this.#onDrop(entry, entry.evicted);
    this.#byId.delete(entry);
    this.#dead++;
    while (this.#log.first?.holders === 0) {
      this.#log.shift();
      this.#dead--;
    }
    if (this.#dead > 32 && this.#dead * 2 > this.#log.length) {
      this.#log.retain(({ holders }) => holders > 0);
      this.#dead = 0;
    }
  }
}
