import type { Draft } from "../../protocol/update.js";
import type { InternalOptions } from "../transport.js";

/** The distance, in positions, between a node's head and the next record after a loss: ten seconds. */
export const clearance = 10_000 * 2048;

/** A change of a node's entry: its key and new value, or null if the entry has ended. */
export type EntryChange = readonly [key: string, value: string | null];

/** An entry of a living node. */
export type NodeEntry = readonly [node: string, key: string, value: string];

/** The content of a record: an update, changes of a node's entries, or the end of a node. It is plain data. */
export type Content =
  | { readonly draft: Draft; readonly own?: InternalOptions | undefined }
  | { readonly node: string; readonly changes: readonly EntryChange[] }
  | { readonly gone: string };

/** A record of a newer version, or of a kind that only newer nodes know. Nodes pass over it, and never delete it. */
export interface UnknownContent {
  readonly unknown: true;
}

/** Returns the content of a record without an update, which is plain data from the log. */
export function controlOf(data: unknown): Exclude<Content, { draft: unknown }> | UnknownContent {
  const { node, changes, gone } = (data ?? {}) as { node?: unknown; changes?: unknown; gone?: unknown };
  if (typeof gone === "string") return { gone };
  return typeof node === "string" && Array.isArray(changes) ? { node, changes } : { unknown: true };
}

/** A record of the log. */
export interface LogRecord {
  readonly position: number;
  /** The append that wrote the record. Undefined for another writer, such as the store or a transaction. */
  readonly origin: string | undefined;
  readonly content: Content | UnknownContent;
}

/** A record that a node wants to append. */
export interface Append {
  /** Unique among all appends of all nodes. */
  readonly origin: string;
  readonly content: Content;
  /**
   * The position of the update that a draft with an id repeats, by the history of the node; 0 for none. The log trusts
   * it up to the node's head, and compares the draft with the newer records of the id itself.
   */
  readonly repeats: number;
}

/** A record that has left every history. */
export interface Drop {
  readonly position: number;
  /** The publisher's id of its update, if it has one. */
  readonly id: string | undefined;
  /** Whether readers that have not seen the update miss it. */
  readonly isLoss: boolean;
}

/** The log's knowledge about itself at one instant. All values are positions that only grow. */
export interface LogMarks {
  /** The newest assigned position, or the end of the positions that the log must not assign. */
  readonly last: number;
  /** The newest deleted record that counts as a loss. A node whose head is older may have missed updates. */
  readonly dropped: number;
  /** A topic without updates may have lost updates up to here. At most `dropped`. */
  readonly forgotten: number;
  /**
   * The log itself has lost updates up to here, such as by a fail-over to a copy that was behind. A node whose head is
   * older has missed updates, unless its own join has raised the mark.
   */
  readonly lost: number;
}

/** A part of the log. */
export interface LogPage extends LogMarks {
  /** In the order of their positions. Fewer than requested exactly if the log ends there. */
  readonly records: readonly LogRecord[];
}

export interface LogJoin extends LogMarks {
  /** The key of the cursors, 16 bytes, the same for all nodes. */
  readonly key: Uint8Array;
  /** The store's time, in milliseconds since 1970. */
  readonly now: number;
  /**
   * This node has missed updates if this is above its head: the mark `lost`, or 0 if the node has received all lost
   * updates.
   */
  readonly missed: number;
  /** The newest update that the log has lost and a node has received; 0 for none. */
  readonly seen: number;
  /**
   * The entries of all nodes, at the position `last`. The join removes nodes with expired leases only afterwards, so
   * that a node which starts when no other lives learns of their streams.
   */
  readonly entries: readonly NodeEntry[];
}

/** The state of a node that joins a log. */
export interface Member {
  /** The id of the node, unique forever. */
  readonly node: string;
  /** The node's head; 0 if it has received nothing. */
  readonly head: number;
  /** The newest update that the node has received; 0 for none. A log without its record has lost updates. */
  readonly heard: number;
  /** The marks of the node's last join. */
  readonly marks: Pick<LogJoin, "lost" | "seen">;
  /** The key of the cursors that the node knows. A log without a key adopts it. */
  readonly key: Uint8Array | undefined;
  /** The duration of the node's lease after each renewal, in milliseconds. The node renews it ten times as often. */
  readonly lease: number;
}

/**
 * A log of records that nodes share: the part of a transport that differs between stores. `ReplicaTransport` makes a
 * transport of it.
 *
 * A log is joined, used and left many times. Each function can reject when the connection fails; the node then leaves
 * and joins again. A call that never settles counts as failed after a time. After {@link SharedLog.leave} the pending
 * calls must settle, and their unfinished work must not reach the store after the next join.
 *
 * Positions are those of `nextPosition` by the store's clock. The log assigns them under its own lock, in the order
 * that readers see: a reader that has seen a position never finds a new record before it.
 */
export interface SharedLog {
  /**
   * Connects a node. It fences off the appends of the node's earlier sessions: they are in the log now or never will
   * be.
   *
   * The log has lost updates if it does not know the record `heard`: the record does not exist, and is newer than all
   * deleted ones. It then keeps clear of the node's positions by {@link clearance}, and raises the mark `lost`. The
   * other nodes never receive these updates, and find out by the mark. If another node has found the same loss and this
   * one has received no later update, this join raises nothing.
   *
   * A second failure can lose the mark too. A node that knows of a loss which the log has forgotten raises the mark
   * again, beyond all that other nodes have read since.
   */
  join(member: Member): Promise<LogJoin>;

  /**
   * Appends records in one step, in order. Returns the position of each record, or of the update that its draft
   * repeats. Changes of a node's entries also change the log's table of entries. Renews the node's lease.
   *
   * @param head - The node's head. `repeats` refers to it.
   * @throws LogRefusal if the store has refused the batch, and the session continues.
   */
  append(batch: readonly Append[], head: number): Promise<readonly number[]>;

  /**
   * Resolves when all records that this session has appended or read are as durable as promised.
   *
   * @throws LogRefusal if they are not yet.
   */
  confirm(): Promise<void>;

  /** Returns the records after a position, at most this many, and the marks of the same instant. */
  after(position: number, count: number): Promise<LogPage>;

  /** Resolves when there may be records after a position, or after at most two seconds. */
  wait(position: number): Promise<void>;

  /** Deletes records and raises the marks, in one step. Records that do not exist are skipped. */
  release(drops: readonly Drop[], forgotten: number): Promise<void>;

  /**
   * Renews the node's lease, and ends the nodes with expired leases: deletes their entries, and appends one record for
   * each. The call rejects for an ended node, which must join again.
   */
  renew(): Promise<void>;

  /** Closes the connections. Never throws. Can be called at any time. */
  leave(): void;

  /** Ends the node's lease, so that the others learn of its end at once. Called before the last `leave`. */
  retire(): Promise<void>;
}

/** The store has refused to append or to confirm. The connection works, and a retry can help. */
export class LogRefusal extends Error {
  override readonly name = "LogRefusal";
}
