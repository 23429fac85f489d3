import type { HistoryLimits } from "../history/history-options.js";
import { sizeOf } from "../history/size-of.js";
import { hashOf, keyBelow, positionIn } from "./keys.js";
import type { LogTable } from "./log-table.js";
import { type Row, sized } from "./row.js";
import type { State } from "./state.js";
import type { Store, TopicState } from "./store.js";

/** The value of a key that needs no value. */
export const present = Buffer.from([1]);

/** The max number of updates that one commit evicts for each update that it adds, so that no commit takes long. */
const maxEvictions = 16;

/** The publishers' updates in history, by topic, during a commit. The rules are those of `history/topic-history.ts`. */
export class TopicTables {
  readonly #store: Store;
  readonly #state: State;
  readonly #limits: HistoryLimits;
  readonly #log: LogTable;
  /** The topics that the commit has changed. */
  readonly #changed = new Map<string, TopicState>();
  #evictions = maxEvictions;

  constructor(store: Store, state: State, limits: HistoryLimits, log: LogTable) {
    this.#store = store;
    this.#state = state;
    this.#limits = limits;
    this.#log = log;
  }

  add(position: number, row: Row): void {
    const { id, topics, key } = row.draft;
    this.#state.bytes += sizeOf(sized(row));
    if (id !== undefined) this.#store.byId.putSync(keyBelow(hashOf(id), position), present);
    this.#evictions += maxEvictions;
    for (const name of topics) {
      const topic = this.#topic(name);
      if (key !== undefined) this.#replace(name, topic, key, position);
      this.#store.byTopic.putSync(keyBelow(hashOf(name), position), present);
      topic.count++;
    }
    for (const name of topics) {
      const topic = this.#topic(name);
      const length = this.#limits.lengthOf(name);
      while (topic.count > length && this.#evictions > 0) this.#release(name, topic);
    }
  }

  /** Evicts the oldest updates while history is too large. */
  trim(): void {
    const state = this.#state;
    while (state.bytes > this.#limits.bytes && this.#evictions > 0) {
      const rows = this.#log.from(state.oldest, Math.min(this.#evictions, 64));
      if (rows.length === 0) return;
      for (const [position, row] of rows) {
        if (state.bytes <= this.#limits.bytes) return;
        this.#evictions--;
        if (row.lane === "history") this.#evict(position, row);
        state.oldest = position + 1;
      }
    }
  }

  /** Whether history is still larger than its bound, because the commit has evicted its max number of updates. */
  get isTooLarge(): boolean {
    return this.#state.bytes > this.#limits.bytes && this.#state.oldest <= this.#state.head;
  }

  holds(position: number, { draft }: Row): boolean {
    return draft.topics.some((name) => this.#store.byTopic.doesExist(keyBelow(hashOf(name), position)));
  }

  /** Stores the changed topics. */
  finish(): void {
    for (const [name, topic] of this.#changed) {
      if (topic.count > 0) this.#store.topics.putSync(hashOf(name), topic);
      else this.#store.topics.removeSync(hashOf(name));
    }
  }

  #topic(name: string): TopicState {
    let topic = this.#changed.get(name);
    if (topic === undefined) {
      topic = this.#store.topics.get(hashOf(name)) ?? { count: 0, evicted: this.#state.forgotten };
      this.#changed.set(name, topic);
    }
    return topic;
  }

  /** Removes the older update of a key from a topic. A reader that has not seen it misses nothing. */
  #replace(name: string, topic: TopicState, key: string, position: number): void {
    const place = keyPlace(name, key);
    const older = this.#store.byKey.get(place);
    this.#store.byKey.putSync(place, position);
    if (older === undefined) return;
    this.#store.byTopic.removeSync(keyBelow(hashOf(name), older));
    topic.count--;
    const row = this.#log.get(older);
    if (row !== undefined && !this.holds(older, row)) this.#drop(older, row);
  }

  /** Evicts an update from all topics whose oldest update it is. */
  #evict(position: number, row: Row): void {
    for (const name of row.draft.topics) if (this.#oldest(name) === position) this.#release(name, this.#topic(name));
  }

  /** Evicts the oldest update of a topic. */
  #release(name: string, topic: TopicState): void {
    this.#evictions--;
    const position = this.#oldest(name)!;
    const row = this.#log.get(position)!;
    const { key } = row.draft;
    this.#store.byTopic.removeSync(keyBelow(hashOf(name), position));
    topic.count--;
    topic.evicted = position;
    if (topic.count === 0) this.#state.forgotten = Math.max(this.#state.forgotten, position);
    if (key !== undefined && this.#store.byKey.get(keyPlace(name, key)) === position) {
      this.#store.byKey.removeSync(keyPlace(name, key));
    }
    if (this.holds(position, row)) return;
    this.#state.dropped = Math.max(this.#state.dropped, position);
    this.#drop(position, row);
  }

  #oldest(name: string): number | undefined {
    const hash = hashOf(name);
    const range = { start: hash, end: keyBelow(hash, Number.MAX_SAFE_INTEGER), limit: 1 };
    for (const key of this.#store.byTopic.getKeys(range)) return positionIn(key);
    return undefined;
  }

  #drop(position: number, row: Row): void {
    const { id } = row.draft;
    this.#state.bytes -= sizeOf(sized(row));
    if (id !== undefined) this.#store.byId.removeSync(keyBelow(hashOf(id), position));
    this.#log.drop(position, row);
  }
}

function keyPlace(topic: string, key: string): Buffer {
  return Buffer.concat([hashOf(topic), hashOf(key)]);
}
