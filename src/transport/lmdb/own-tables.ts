import { sizeInLog } from "../history/size-of.js";
import { timeOfPosition } from "../positions.js";
import { type InternalOptions, maxControlBytes } from "../transport.js";
import { hashOf, keyBelow, positionIn } from "./keys.js";
import type { LogTable } from "./log-table.js";
import { type Row, sized } from "./row.js";
import type { State } from "./state.js";
import type { Store } from "./store.js";
import { present } from "./topic-tables.js";

type OwnLane = InternalOptions["keep"];

/** The prefixes of the lanes in the table `own`. */
export const lanePrefixes: Readonly<Record<OwnLane, Buffer>> = { events: Buffer.from("e"), orders: Buffer.from("o") };

/** The number of old control messages that each new one examines: it removes those whose time has passed. */
const examined = 8;

/** The max number of expired control messages that one commit removes to make room. */
const maxExpired = 1000;

/**
 * The hub's own updates during a commit: events, and control messages, each with their own budget. The
 * rules are those of `history/event-log.ts` and `history/control-log.ts`.
 */
export class OwnTables {
  readonly #store: Store;
  readonly #state: State;
  readonly #log: LogTable;
  readonly #budgets: Readonly<Record<OwnLane, number>>;

  /** @param eventBytes - The max size of the events, in bytes. */
  constructor(store: Store, state: State, eventBytes: number, log: LogTable) {
    this.#store = store;
    this.#state = state;
    this.#log = log;
    this.#budgets = { events: eventBytes, orders: maxControlBytes };
  }

  add(position: number, row: Row, lane: OwnLane, namespace: string): void {
    const own = this.#state[lane];
    if (!own.namespaces.includes(namespace)) own.namespaces = [...own.namespaces, namespace];
    const { key, topics } = row.draft;
    if (key !== undefined) {
      const place = ownPlace(topics[0]!, key);
      const older = this.#store.byKey.get(place);
      if (older !== undefined) this.#remove(lane, older);
      this.#store.byKey.putSync(place, position);
    } else if (lane === "events") this.#store.byKey.putSync(ownPlace(topics[0]!), position);
    this.#store.own.putSync(keyBelow(lanePrefixes[lane], position), present);
    own.bytes += sizeInLog(sized(row));
    if (lane === "orders") this.#removeExpired(position, own.bytes > this.#budgets.orders ? maxExpired : examined);
    while (own.bytes > this.#budgets[lane]) {
      const [oldest] = this.#positions(lane, 1);
      if (oldest === undefined) return;
      own.dropped = oldest;
      this.#remove(lane, oldest);
    }
  }

  holds(position: number, lane: OwnLane): boolean {
    return this.#store.own.doesExist(keyBelow(lanePrefixes[lane], position));
  }

  #removeExpired(now: number, limit: number): void {
    for (const position of this.#positions("orders", limit)) {
      const until = this.#log.get(position)?.until;
      if (until !== undefined && until <= timeOfPosition(now)) this.#remove("orders", position);
    }
  }

  #positions(lane: OwnLane, limit: number): number[] {
    const prefix = lanePrefixes[lane];
    const range = { start: prefix, end: keyBelow(prefix, Number.MAX_SAFE_INTEGER), limit };
    return [...this.#store.own.getKeys(range).map(positionIn)];
  }

  #remove(lane: OwnLane, position: number): void {
    const row = this.#log.get(position)!;
    const { key, topics } = row.draft;
    this.#store.own.removeSync(keyBelow(lanePrefixes[lane], position));
    this.#state[lane].bytes -= sizeInLog(sized(row));
    const place = ownPlace(topics[0]!, key);
    if (this.#store.byKey.get(place) === position) this.#store.byKey.removeSync(place);
    this.#log.drop(position, row);
  }
}

/**
 * The place of a control message's key, or of the newest event of a first topic. It is shorter than that of a
 * publisher's key, so they cannot be the same.
 */
export function ownPlace(topic: string, key = ""): Buffer {
  return hashOf(`${topic} ${key}`);
}
