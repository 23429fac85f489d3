import type { InternalDraft, Update } from "../protocol/update.js";

/** An accepted update with its place in the one total order that all nodes of a hub share. */
export interface StoredUpdate {
  /** A whole number above 0 that grows from one update to the next. */
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
   * too low.
   */
  readonly lostThrough: number;
  /** The last position that was considered. The reader continues from here. */
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

/**
 * Stores accepted updates in one total order, and delivers them to every hub node.
 *
 * Every implementation passes `test/contract/transport.ts`.
 */
export interface Transport {
  /** The position of the newest update this node has seen; 0 before the first. Never below a delivered position. */
  readonly head: number;

  /**
   * Accepts an update. Resolves when it is stored as durably as this transport promises, after the listeners on this
   * node have been called. Publishers can retry: a draft that repeats the newest update of its id in history (same
   * topics, data, private, type and retry) is not accepted again, and resolves to that update. Other content under the
   * same id is a new update.
   *
   * @param namespace - Set for updates of the hub itself: the prefix of all their topics, which no topic of a publisher
   * has. These updates must not evict publishers' updates from history. Read the fields of such a draft, and of its
   * update as listeners get it, one by one: they can be accessors of a class.
   * @throws MercureError `ERR_CLOSED` after {@link Transport.close}.
   */
  publish(draft: InternalDraft, namespace?: string): Promise<Update>;

  /** Returns the id of a position, also of 0, for {@link Transport.positionOf}. Clients must treat it as opaque. */
  cursor(position: number): string;

  /**
   * Returns the position of an id, which is a cursor or the id of an update in history. Returns undefined for an
   * unknown id, such as one from before a restart that lost the history. If several updates in history share an id, the
   * oldest counts (Mercure 1.0 "Reconnection"): a reader that resumes there may see updates twice, and misses none.
   */
  positionOf(id: string): number | undefined | Promise<number | undefined>;

  read(query: ReplayQuery): Replay | Promise<Replay>;

  /**
   * Calls the listener with each accepted update, in order, on every node. A listener must not throw. Returns a
   * function that removes the listener.
   */
  listen(listener: (stored: StoredUpdate) => void): () => void;

  /** Removes the listeners, releases resources, and rejects further updates. */
  close(): Promise<void>;
}
