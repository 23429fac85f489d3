import type { Update } from "../../protocol/update.js";
import type { Replay, ReplayQuery, StoredUpdate } from "../transport.js";
import { type Identified, IdIndex } from "./id-index.js";
import { mergeLogs } from "./merge-logs.js";
import { PositionLog } from "./position-log.js";

/** The capacity of a history. */
export interface HistoryLimits {
  /** The max number of updates of each topic. */
  readonly length: number;
  /** The max memory in all, in bytes. */
  readonly bytes: number;
}

interface Entry extends Identified {
  readonly bytes: number;
  /** The number of topics that still hold the entry. */
  holders: number;
}

interface Topic {
  readonly entries: PositionLog<Entry>;
  /** Updates of the topic up to this position may have been evicted. */
  evictedThrough: number;
}

/** Memory of an update besides its strings, and of each of its topics (measured, rounded up). */
const bytesPerUpdate = 512;
const bytesPerTopic = 512;

/**
 * Stores the newest updates of each topic in bounded memory, so that busy topics do not evict quiet ones.
 *
 * An update with several topics lives as long as one of them holds it. While a topic holds an update, history knows
 * exactly which of its updates were evicted. An empty topic is forgotten, or a publisher of ever new topics would fill
 * the memory. A reader of a forgotten topic may be told of a gap that does not exist, and never misses a real one.
 */
export class History {
  readonly #limits: HistoryLimits;
  readonly #topics = new Map<string, Topic>();
  /** All entries in order. Dead ones are removed once they are the majority. */
  readonly #log = new PositionLog<Entry>();
  /** The updates with ids of publishers. Ids of the hub encode their position and need no index. */
  readonly #byId = new IdIndex<Entry>();
  #dead = 0;
  #bytes = 0;
  /** Updates up to this position may have been dropped by all topics. */
  #droppedThrough = 0;
  /** The highest `evictedThrough` of all forgotten topics. */
  #forgottenThrough = 0;

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  /** The estimated memory of the history, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param byId - Whether {@link History.oldest} and {@link History.newest} must find the update by its id. */
  add(position: number, update: Update, byId: boolean): void {
    const entry: Entry = { position, update, bytes: sizeOf(update), holders: update.topics.length };
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

  #merge(topics: ReadonlySet<string>, after: number): Iterable<Entry> {
    const logs = [...topics].flatMap((name) => this.#topics.get(name)?.entries ?? []);
    return logs.length === 1 ? logs[0]!.after(after) : mergeLogs(logs, after);
  }

  #hold(name: string, entry: Entry): void {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = { entries: new PositionLog(), evictedThrough: this.#forgottenThrough };
      this.#topics.set(name, topic);
    }
    topic.entries.push(entry);
    if (topic.entries.length > this.#limits.length) this.#release(name, topic);
  }

  /** Evicts an entry, the oldest living one, from all topics that hold it. */
  #evict(entry: Entry): void {
    for (const name of entry.update.topics) {
      const topic = this.#topics.get(name);
      if (topic?.entries.first === entry) this.#release(name, topic);
    }
  }

  /** Evicts the oldest entry of a topic. */
  #release(name: string, topic: Topic): void {
    const entry = topic.entries.shift()!;
    topic.evictedThrough = entry.position;
    if (topic.entries.length === 0) {
      this.#topics.delete(name);
      this.#forgottenThrough = Math.max(this.#forgottenThrough, entry.position);
    }
    if (--entry.holders === 0) this.#drop(entry);
  }

  #drop(entry: Entry): void {
    this.#bytes -= entry.bytes;
    this.#droppedThrough = Math.max(this.#droppedThrough, entry.position);
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

function sizeOf({ topics, data, id, type = "" }: Update): number {
  let units = data.length + id.length + type.length;
  for (const topic of topics) units += topic.length;
  // JavaScript strings take one or two bytes for each unit.
  return bytesPerUpdate + topics.length * bytesPerTopic + 2 * units;
}
