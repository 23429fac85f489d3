import type { Draft, Update } from "../protocol/update.js";
import { MercureError } from "../shared/errors.js";
import type { Transaction } from "../shared/transaction.js";
import type { Nodes } from "./nodes.js";

/** An accepted update with its place in the one total order that all nodes of a hub share. */
export interface StoredUpdate {
  /** A whole number above 0 that grows from one update to the next. See `nextPosition` in `positions.ts`. */
  readonly position: number;
  readonly update: Update;
}

/** The part of a transport's history that a reader gets. */
export interface Replay {
  /** Oldest first. */
  readonly updates: readonly StoredUpdate[];
  /**
   * Updates of these topics up to this position may be missing from history. A reader that asked for updates after an
   * earlier position has a gap. Exact while history holds an update of each topic; otherwise possibly too high, never
   * too low. Updates that history leaves out on request are not missing: see `keep` and `key` in `Draft`.
   */
  readonly lostThrough: number;
  /** The last position that was considered, at most {@link Transport.head}. The reader continues from here. */
  readonly through: number;
}

/** A query to history: the reader's topics by exact name, or `*` for a reader that filters all updates itself. */
export interface ReplayQuery {
  readonly topics: ReadonlySet<string> | "*";
  /** Only updates after this position. */
  readonly after: number;
  /** Stop once the data of the updates exceeds this many UTF-16 units. The reader continues from `through`. */
  readonly limit?: number;
  /** Stop once this many updates were considered, matching or not. Default: unlimited. */
  readonly maxUpdates?: number;
  /** Whether to include private updates. Default true. */
  readonly private?: boolean;
}

/** The retention of an update that the hub publishes itself. */
export interface InternalOptions {
  /** The prefix of all topics of these updates. No topic of a publisher has it. */
  readonly namespace: string;
  /**
   * The budget that holds the update. `events` share a bounded log, and the oldest are evicted first. `orders` are the
   * hub's control messages. They have a budget of their own, {@link maxControlBytes}, even without a history. With a
   * `key`, history holds only the newest message of that key.
   */
  readonly keep: "events" | "orders";
  /**
   * The end of a control message's effect, in milliseconds since 1970 by {@link Transport.now}. The transport can then
   * drop it, and does not report it as missing. Default: never.
   */
  readonly until?: number | undefined;
}

/**
 * A node was cut off from its store, and the store has not accepted an event of the hub. Other nodes may consider the
 * node ended meanwhile, so the hub decides again which event is correct.
 *
 * @internal
 */
export class NotSentAgain extends MercureError {
  constructor() {
    super("ERR_TRANSPORT", "The connection to the store broke before it accepted the event.");
  }
}

/** The max memory of all control messages, in bytes, by the estimate of `sizeOf` in `history/size-of.ts`. */
export const maxControlBytes = 64 * 1024 * 1024;

/** A listener for a transport. Its functions must not throw. */
export interface TransportListener {
  /** Called with each accepted update, in order, on every node. */
  readonly update: (stored: StoredUpdate) => void;
  /**
   * Called when this node will never receive some updates up to a position, for example after a long pause of its
   * process. Called before the later updates. {@link Transport.head} has then reached the position, and {@link
   * Transport.read} reports the loss.
   */
  readonly gap?: (through: number) => void;
}

/**
 * The state of a transport. `starting`: it is not ready yet. `away`: it was ready, and cannot reach its store now;
 * reading still works. `closed`: after {@link Transport.close}.
 */
export type TransportState = "starting" | "ready" | "away" | "closed";

/**
 * Stores accepted updates in one total order, and delivers them to every hub node.
 *
 * Every implementation passes the suite `transportContract`.
 */
export interface Transport {
  /**
   * Resolves when the head and the cursors are known: at once for a transport in the process. A transport over a
   * network retries until it is ready. Resolves on {@link Transport.close} too, and never rejects.
   */
  readonly ready: Promise<void>;

  /** For health, metrics, and answers with `Retry-After`. */
  readonly state: TransportState;

  /** The number of publishes that wait for the store. Metrics show it. Default unknown. */
  readonly pending?: number;

  /** The time that the longest waiting publish has waited, in milliseconds; 0 for none. Default unknown. */
  readonly longestWait?: number;

  /** The reason why publishes wait or fail at the moment, for the operator. Default unknown. */
  readonly heldBackBy?: string | undefined;

  /**
   * The delay of the newest update, from the store to this node's listeners, in milliseconds; while the store is
   * unreachable, at least the length of that outage. Default unknown.
   */
  readonly lag?: number;

  /**
   * The position of the newest update that this node's listeners have received or receive now; 0 before the first. It
   * can be older than elsewhere, and is never below a delivered position.
   */
  readonly head: number;

  /** Entries of the living nodes. */
  readonly nodes: Nodes;

  /** Returns the time by the store's clock, in milliseconds since 1970. Nodes can compare such times. */
  now(): number;

  /**
   * Accepts an update. Resolves when it is stored as durably as this transport promises, after the listeners on this
   * node have been called. Publishers can retry: a draft that repeats the newest update of its id in history (same
   * topics, data, private, type and retry) is not accepted again, and resolves to that update. Other content under the
   * same id is a new update.
   *
   * A draft with `keep: false` is delivered to the listeners and not stored. A draft with a `key` replaces the older
   * updates of that key in the history of each of its topics. Drafts and updates are plain data, without accessors.
   *
   * @param own - Set for updates of the hub itself, which must not evict publishers' updates from history.
   * @throws MercureError `ERR_CLOSED` after {@link Transport.close}; `ERR_TRANSPORT` if the store does not confirm the
   * update in time. The store may have accepted it; publishing again with the same id is safe.
   */
  publish(draft: Draft, own?: InternalOptions): Promise<Update>;

  /**
   * Returns the id of a position, including 0, for {@link Transport.positionOf}: the same on every node, and after every
   * restart that kept the history. Clients must treat it as opaque. Before the transport is ready, the id may mean a
   * gap later.
   */
  cursor(position: number): string;

  /**
   * Returns the position of an id, which is a cursor or the id of an update in history. A promise resolves once this
   * node's head has reached the position, within seconds. Returns undefined for an unknown id, such as one from before
   * a restart that lost the history. If several updates in history share an id, the oldest counts: a reader that
   * resumes there may see updates twice, and misses none.
   * {@link https://mercure.rocks/spec#reconciliation | Mercure, reconnection}.
   */
  positionOf(id: string): number | undefined | Promise<number | undefined>;

  /** Reads history, and never past {@link Transport.head}. */
  read(query: ReplayQuery): Replay | Promise<Replay>;

  /** Adds a listener. Returns a function that removes it. */
  listen(listener: TransportListener): () => void;

  /** Removes the listeners, releases resources, and rejects further updates. */
  close(): Promise<void>;
}

/** A transport over a database that applications use too. */
export interface TransactionalTransport extends Transport {
  /**
   * Makes an update a part of a transaction. The listeners are called after its commit, in the order of the commits.
   *
   * @throws MercureError `ERR_OPTION` for a transaction of another database.
   */
  publishIn(transaction: Transaction, draft: Draft): Promise<void>;

  /**
   * Called by the constructor of a hub, with the hub's path. The transport hides updates of topics at this path or
   * below it that came from outside a hub.
   */
  reserve?(hubPath: string): void;
}
