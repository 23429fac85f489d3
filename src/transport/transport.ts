import type { OwnDraft, Update } from "../protocol/update.js";

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
   * Up to this position updates of these topics may be missing from history; a reader that asked for what comes after
   * an earlier one has a gap. Exact while history holds anything of each topic, too high rather than too low otherwise.
   */
  readonly lostThrough: number;
  /** Everything up to this position has been considered: the reader goes on from here. */
  readonly through: number;
}

/** A question to history: the reader's topics by exact name, or `*` when it has to look at every update itself. */
export interface ReplayQuery {
  readonly topics: ReadonlySet<string> | "*";
  /** Only updates after this position. */
  readonly after: number;
  /** Stop once the data of the updates exceeds this many UTF-16 units; the reader asks again from `through`. */
  readonly limit?: number;
  /** Stop once so many updates were looked at, whether they are among the topics or not. Default: no bound. */
  readonly maxUpdates?: number;
  /** Whether private updates are wanted too. Default true. */
  readonly private?: boolean;
}

/**
 * Holds accepted updates, in one total order, and brings them to every hub node.
 *
 * Every implementation passes `test/contract/transport.ts`.
 */
export interface Transport {
  /** The position of the newest update that this node has seen; 0 before the first. Never below what listeners saw. */
  readonly head: number;

  /**
   * Accepts an update and resolves when it is kept as durably as this transport promises, after listeners have been
   * called on this node. A draft that repeats the newest update of its id in history (the same topics, data, private,
   * type and retry) is not accepted again: that update is returned, so that publishers can retry. Other content under
   * the same id is another update.
   *
   * @param namespace - Given for what the hub publishes itself: the beginning of all topics of such updates, which no
   * publisher's has. They must not push publishers' updates out of history. The fields of such a draft, and of its update
   * as listeners get it, may be accessors of a class, so that they are read one by one.
   * @throws MercureError `ERR_CLOSED` after {@link Transport.close}.
   */
  publish(draft: OwnDraft, namespace?: string): Promise<Update>;

  /** The id that stands for a position, for {@link Transport.positionOf}; position 0 has one too. Opaque to clients. */
  cursor(position: number): string;

  /**
   * The position that an id stands for, be it a cursor or the id of an update in history; undefined when it is unknown,
   * as after a restart that lost the history. Where several updates in history share an id, it stands for the oldest of
   * them (Mercure 1.0 "Reconnection"): a reader that resumes there may see updates again, and misses none.
   */
  positionOf(id: string): number | undefined | Promise<number | undefined>;

  read(query: ReplayQuery): Replay | Promise<Replay>;

  /**
   * Calls back with each accepted update, in order, on every node; a listener must not throw. Returns the way to stop.
   */
  listen(listener: (stored: StoredUpdate) => void): () => void;

  /** Forgets the listeners, gives up what it holds open, and accepts nothing more. */
  close(): Promise<void>;
}
