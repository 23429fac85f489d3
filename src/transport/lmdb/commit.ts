import type { HistoryLimits } from "../history/history-options.js";
import { nextPosition } from "../positions.js";
import type { InternalOptions, StoredUpdate } from "../transport.js";
import { LogTable } from "./log-table.js";
import { OwnTables } from "./own-tables.js";
import { type Row, updateOf } from "./row.js";
import type { State } from "./state.js";
import type { Store } from "./store.js";
import { TopicTables } from "./topic-tables.js";

export interface CommitOptions {
  readonly store: Store;
  readonly limits: HistoryLimits;
  /** Returns the id of a position. */
  readonly cursor: (position: number) => string;
}

/** The changes that one transaction makes to the tables. */
export class Commit {
  readonly state: State;
  /** The newest position before the commit. */
  readonly before: number;
  /** The updates that the commit adds. */
  readonly added: StoredUpdate[] = [];
  readonly #cursor: (position: number) => string;
  readonly #log: LogTable;
  readonly #topics: TopicTables;
  readonly #own: OwnTables;

  constructor(state: State, { store, limits, cursor }: CommitOptions) {
    this.state = state;
    this.#cursor = cursor;
    this.before = state.head;
    this.#log = new LogTable(store, state, limits.eventBytes);
    this.#topics = new TopicTables(store, state, limits, this.#log);
    this.#own = new OwnTables(store, state, limits.eventBytes, this.#log);
  }

  add(row: Row, own: InternalOptions | undefined): StoredUpdate {
    const position = nextPosition(this.state.head, Date.now());
    this.state.head = position;
    this.#log.add(position, row);
    if (own !== undefined) this.#own.add(position, row, own.keep, own.namespace);
    else if (row.lane === "history") this.#topics.add(position, row);
    const stored = { position, update: updateOf(row, position, this.#cursor) };
    this.added.push(stored);
    return stored;
  }

  /** Completes the changes. Returns whether another commit must follow, because this one has reached its bound. */
  finish(): boolean {
    this.#topics.trim();
    this.#log.sweep((position, row) => this.#holds(position, row));
    this.#topics.finish();
    return this.#topics.isTooLarge;
  }

  #holds(position: number, row: Row): boolean {
    if (row.lane === "live" || row.lane === "unknown") return row.lane === "unknown";
    return row.lane === "history" ? this.#topics.holds(position, row) : this.#own.holds(position, row.lane);
  }
}
