import { mergeLogs } from "../history/merge-logs.js";
import { timeOfPosition } from "../positions.js";
import { isRepetition } from "../repetition.js";
import type { Replay, ReplayQuery, StoredUpdate } from "../transport.js";
import { hashOf, keyBelow, positionIn, positionKey } from "./keys.js";
import { lanePrefixes, ownPlace } from "./own-tables.js";
import { type Found, RecentRows } from "./recent-rows.js";
import { decodeRow, type Row, updateOf } from "./row.js";
import type { State } from "./state.js";
import type { Store } from "./store.js";

/** Reads the tables. During a commit it sees the changes of this commit. */
export class HistoryReader {
  readonly #store: Store;
  readonly #cursor: (position: number) => string;
  readonly #recent = new RecentRows();
  /** The newest position whose row could not be read. */
  #damaged = 0;

  /** @param cursor - Returns the id of a position. */
  constructor(store: Store, cursor: (position: number) => string) {
    this.#store = store;
    this.#cursor = cursor;
  }

  /** Returns the position of the oldest update in history with a publisher's id. */
  oldest(id: string): number | undefined {
    return this.#withId(id, false);
  }

  /** Returns the update that a draft repeats, if there is one. */
  repeated({ draft, lane }: Row): StoredUpdate | undefined {
    const position =
      lane === "events"
        ? this.#store.byKey.get(ownPlace(draft.topics[0]!))
        : draft.id !== undefined
          ? this.#withId(draft.id, true)
          : undefined;
    if (position === undefined) return undefined;
    const { update } = this.#find(position);
    return update !== undefined && isRepetition(draft, update) ? { position, update } : undefined;
  }

  /**
   * Returns the rows after a position, whether or not history holds them. A damaged row has no update.
   *
   * @param limit - The max number of rows.
   */
  log(after: number, limit: number): Found[] {
    const range = { start: positionKey(after + 1), limit };
    return [...this.#store.log.getRange(range).map(({ key, value }) => this.#decoded(positionIn(key), value))];
  }

  /** @param head - The newest position that a reader can see. */
  read(query: ReplayQuery, head: number): Replay {
    const { topics, after, limit = Number.POSITIVE_INFINITY, maxUpdates = Number.POSITIVE_INFINITY } = query;
    const state = this.#store.state();
    const updates: StoredUpdate[] = [];
    let size = 0;
    let looked = 0;
    let through = Math.max(after, head);
    let last = after;
    for (const { position, update } of topics === "*"
      ? this.#everything(state, after, head)
      : this.#ofTopics(topics, state, after, head)) {
      if (size > limit || looked === maxUpdates) {
        through = last;
        break;
      }
      looked++;
      last = position;
      if (update === undefined || (query.private === false && update.private)) continue;
      updates.push({ position, update });
      size += update.data.length;
    }
    const lost = topics === "*" ? Math.max(state.dropped, state.events.dropped) : this.#lost(topics, state);
    return { updates, lostThrough: Math.max(lost, this.#damaged), through };
  }

  /** Yields the rows after a position. A row that history does not hold has no update. */
  *#everything(state: State, after: number, head: number): Generator<Found, void> {
    const range = { start: positionKey(after + 1), end: positionKey(head + 1) };
    for (const { key, value } of this.#store.log.getRange(range)) {
      const position = positionIn(key);
      const found = this.#remembered(position, () => value);
      const { row } = found;
      const isHeld =
        row !== undefined && row.lane !== "orders" && (position <= state.swept || this.#holds(position, row));
      yield isHeld ? found : { position };
    }
  }

  /** Yields the updates of some topics after a position. It also yields the hub's own updates of other topics. */
  *#ofTopics(topics: ReadonlySet<string>, state: State, after: number, head: number): Generator<Found, void> {
    const iterators: Iterator<unknown, void>[] = [];
    const log = (keys: Iterable<Buffer>) => {
      const iterator = positionsOf(keys);
      iterators.push(iterator);
      return { after: () => iterator };
    };
    const below = (table: Store["byTopic"], prefix: Buffer) =>
      log(table.getKeys({ start: keyBelow(prefix, after + 1), end: keyBelow(prefix, head + 1) }));
    const logs = [...topics].map((topic) => below(this.#store.byTopic, hashOf(topic)));
    for (const lane of ["events", "orders"] as const) {
      if ([...topics].some((topic) => isOwn(topic, state, lane))) logs.push(below(this.#store.own, lanePrefixes[lane]));
    }
    const now = timeOfPosition(head);
    try {
      for (const { position } of logs.length === 1 ? logs[0]!.after() : mergeLogs(logs, after)) {
        const found = this.#remembered(position, () => this.#store.log.get(positionKey(position)));
        const isAsked = found.update?.topics.some((topic) => topics.has(topic)) === true;
        const isExpired = found.row?.until !== undefined && found.row.until <= now;
        yield isAsked && !isExpired ? found : { position };
      }
    } finally {
      // An iterator that has not ended holds its snapshot, and with it all pages that are freed later.
      for (const iterator of iterators) iterator.return?.();
    }
  }

  #lost(topics: ReadonlySet<string>, state: State): number {
    let position = 0;
    for (const topic of topics) {
      const lane = (["events", "orders"] as const).find((each) => isOwn(topic, state, each));
      const lost =
        lane === undefined ? (this.#store.topics.get(hashOf(topic))?.evicted ?? state.forgotten) : state[lane].dropped;
      position = Math.max(position, lost);
    }
    return position;
  }

  #withId(id: string, newest: boolean): number | undefined {
    const start = hashOf(id);
    const end = keyBelow(start, Number.MAX_SAFE_INTEGER);
    const range = newest ? { start: end, end: start, reverse: true, limit: 1 } : { start, end, limit: 1 };
    for (const key of this.#store.byId.getKeys(range)) return positionIn(key);
    return undefined;
  }

  #find(position: number): Found {
    const text = this.#store.log.get(positionKey(position));
    return text === undefined ? { position } : this.#decoded(position, text);
  }

  #holds(position: number, { lane, draft }: Row): boolean {
    if (lane === "history") {
      return draft.topics.some((topic) => this.#store.byTopic.doesExist(keyBelow(hashOf(topic), position)));
    }
    return lane !== "live" && lane !== "unknown" && this.#store.own.doesExist(keyBelow(lanePrefixes[lane], position));
  }

  /** Returns a row from memory, or stores it there. A commit must not call it, because its rows can be rolled back. */
  #remembered(position: number, textOf: () => string | undefined): Found {
    const known = this.#recent.get(position);
    if (known !== undefined) return known;
    const text = textOf();
    if (text === undefined) return { position };
    const found = this.#decoded(position, text);
    this.#recent.add(found);
    return found;
  }

  #decoded(position: number, text: string): Found {
    try {
      const row = decodeRow(text);
      if (row.lane === "unknown") return { position, row };
      return { position, row, update: updateOf(row, position, this.#cursor) };
    } catch {
      this.#damaged = Math.max(this.#damaged, position);
      return { position };
    }
  }
}

function isOwn(topic: string, state: State, lane: "events" | "orders"): boolean {
  return state[lane].namespaces.some((namespace) => topic.startsWith(namespace));
}

function* positionsOf(keys: Iterable<Buffer>): Generator<{ position: number }, void> {
  for (const key of keys) yield { position: positionIn(key) };
}
