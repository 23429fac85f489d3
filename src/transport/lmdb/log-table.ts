import { sizeInLog } from "../history/size-of.js";
import { positionIn, positionKey } from "./keys.js";
import { decodeRow, encodeRow, type Row, sized } from "./row.js";
import type { State } from "./state.js";
import type { Store } from "./store.js";

/** The min size of the rows that stay for other nodes, in bytes. */
const minWindow = 1024 * 1024;

/** The max number of rows that one commit sweeps for each row that it adds, so that no commit takes long. */
const maxSweeps = 64;

/**
 * The table of all rows during a commit.
 *
 * Other nodes read rows a little later, and a busy topic evicts updates within milliseconds. With several nodes the
 * newest rows therefore stay for a while after history has dropped them, and are swept later.
 */
export class LogTable {
  readonly #store: Store;
  readonly #state: State;
  readonly #window: number;
  /** Whether this is the only node. A row that history has dropped then has no reader. */
  readonly isAlone: boolean;

  /** @param budget - The size of the rows that stay for other nodes, in bytes. */
  constructor(store: Store, state: State, budget: number) {
    this.#store = store;
    this.#state = state;
    this.#window = Math.max(minWindow, budget);
    this.isAlone = state.nodes <= 1 && state.unswept === 0;
  }

  add(position: number, row: Row): void {
    if (this.isAlone && row.lane === "live") return;
    this.#store.log.putSync(positionKey(position), encodeRow(row));
    if (!this.isAlone) this.#state.unswept += sizeInLog(sized(row));
  }

  get(position: number): Row | undefined {
    const text = this.#store.log.get(positionKey(position));
    return text === undefined ? undefined : decodeRow(text);
  }

  /** Returns rows in order, from a position on. */
  from(position: number, limit: number): [position: number, row: Row][] {
    const range = this.#store.log.getRange({ start: positionKey(position), limit });
    return [...range.map(({ key, value }): [number, Row] => [positionIn(key), decodeRow(value)])];
  }

  /**
   * Removes a row that history has dropped: at once, or by {@link LogTable.sweep} if other nodes may not have read it.
   */
  drop(position: number, row: Row): void {
    if (this.isAlone || position <= this.#state.swept) this.#remove(position, row);
  }

  /** @param isHeld - Whether history holds a row. */
  sweep(isHeld: (position: number, row: Row) => boolean): void {
    const state = this.#state;
    if (this.isAlone) {
      state.swept = state.head;
      return;
    }
    const window = state.nodes <= 1 ? 0 : this.#window;
    if (state.unswept <= window) return;
    const rows = this.from(state.swept + 1, maxSweeps);
    for (const [position, row] of rows) {
      if (state.unswept <= window) return;
      state.swept = position;
      state.unswept -= sizeInLog(sized(row));
      if (!isHeld(position, row)) this.#remove(position, row);
    }
    if (rows.length < maxSweeps) {
      state.swept = state.head;
      state.unswept = 0;
    }
  }

  #remove(position: number, row: Row): void {
    this.#store.log.removeSync(positionKey(position));
    // A gap concerns history, and history does not hold this row.
    if (row.lane !== "live") this.#state.gone = Math.max(this.#state.gone, position);
  }
}
