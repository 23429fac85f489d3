import type { Draft, Update } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { OptionReader } from "../../shared/option-reader.js";
import { CursorCipher } from "../cursor.js";
import { type HistoryOptions, readHistoryLimits } from "../history/history-options.js";
import type { Nodes } from "../nodes.js";
import { timeOfPosition } from "../positions.js";
import type {
  InternalOptions,
  Replay,
  ReplayQuery,
  StoredUpdate,
  Transport,
  TransportListener,
  TransportState,
} from "../transport.js";
import type { Commit } from "./commit.js";
import { CommitQueue } from "./commit-queue.js";
import { HistoryReader } from "./history-reader.js";
import { LmdbNodes } from "./lmdb-nodes.js";
import { rowOf } from "./row.js";
import { Store } from "./store.js";
import { Watch } from "./watch.js";

/** Options of {@link LmdbTransport}. */
export interface LmdbTransportOptions extends HistoryOptions {
  /**
   * The folder of the history, which is created if it is missing. Several processes of one machine can share it. It
   * must be on a local disk, not on a network file system.
   */
  readonly path: string;
  /**
   * The max time that `publish` waits for the disk, in seconds. Then `publish` rejects with `ERR_TRANSPORT`. Default
   * 10.
   */
  readonly publishTimeout?: number | undefined;
}

/** The max number of updates that listeners get in one turn of the event loop. */
const maxDeliveries = 500;

/**
 * Stores the history in a folder of this machine, by the package lmdb. An acknowledged update is on the disk: it
 * survives the end of the process at any instant. It survives the end of the machine if the disk keeps acknowledged
 * writes. Several processes can share the folder.
 *
 * @example
 * ```ts
 * import { Hub } from "htmx-mercure/hub";
 * import { LmdbTransport } from "htmx-mercure/transport/lmdb";
 *
 * const transport = new LmdbTransport({ path: "history" });
 * const hub = new Hub({ transport });
 * await hub.publish({ topics: ["a"], data: "hello", private: false });
 * ```
 */
export class LmdbTransport implements Transport {
  readonly ready: Promise<void>;
  readonly nodes: Nodes;
  readonly #nodes: LmdbNodes;
  readonly #store: Store;
  readonly #cursors: CursorCipher;
  readonly #reader: HistoryReader;
  readonly #commits: CommitQueue;
  readonly #watch: Watch;
  readonly #listeners = new Set<TransportListener>();
  /** The publishes that wait until this node's listeners have received their update. */
  #waiting: { position: number; resolve: () => void }[] = [];
  #isBehind = false;
  #head: number;
  #lag = 0;
  #state: TransportState = "starting";
  #closing: Promise<void> | undefined;

  /**
   * @throws MercureError `ERR_OPTION` for an unknown or invalid option, without the package lmdb, and for a folder that
   * is damaged, belongs to another program, or was written by a newer version.
   */
  constructor(options: LmdbTransportOptions) {
    const read = new OptionReader(options, "", {});
    const path = read.string("path");
    if (path === undefined) throw new MercureError("ERR_OPTION", "LmdbTransport needs the option path: a folder.");
    const limits = readHistoryLimits(read);
    const timeout = (read.number("publishTimeout", { min: 0.001, max: 3600 }) ?? 10) * 1000;
    read.refuseUnknown();
    this.#store = Store.open(path);
    this.#cursors = new CursorCipher(this.#store.cursorKey);
    const cursor = (position: number) => this.cursor(position);
    this.#reader = new HistoryReader(this.#store, cursor);
    this.#head = this.#store.state().head;
    this.#commits = new CommitQueue({
      store: this.#store,
      limits,
      timeout,
      cursor,
      onCommit: (commit) => this.#committed(commit),
    });
    this.nodes = this.#nodes = new LmdbNodes(this.#store, this.#commits);
    this.#watch = new Watch(this.#store.path, () => this.#catchUp());
    this.ready = this.#join();
  }

  get state(): TransportState {
    return this.#state === "ready" && this.#commits.isAway ? "away" : this.#state;
  }

  get head(): number {
    return this.#head;
  }

  get pending(): number {
    return this.#commits.size;
  }

  get longestWait(): number {
    return this.#commits.longestWait;
  }

  get heldBackBy(): string | undefined {
    const { failure, isAway } = this.#commits;
    return failure?.message ?? (isAway ? "another process holds the lock of the folder" : undefined);
  }

  get lag(): number {
    return this.#lag;
  }

  now(): number {
    return Date.now();
  }

  publish(draft: Draft, own?: InternalOptions): Promise<Update> {
    if (this.#state === "closed") return Promise.reject(new MercureError("ERR_CLOSED", "The transport is closed."));
    const row = rowOf(draft, own);
    return new Promise((resolve, reject) => {
      let stored!: StoredUpdate;
      this.#commits.add({
        units: row.draft.data.length,
        write: (commit) => {
          stored = this.#reader.repeated(row) ?? commit.add(row, own);
        },
        done: () => this.#whenHeard(stored.position, () => resolve(stored.update)),
        fail: reject,
      });
    });
  }

  cursor(position: number): string {
    return this.#cursors.encode(position);
  }

  positionOf(id: string): number | undefined | Promise<number | undefined> {
    if (this.#state === "closed") return undefined;
    const position = this.#cursors.decode(id) ?? this.#reader.oldest(id);
    if (position === undefined || this.#store.isInPause(position)) return undefined;
    if (position <= this.#head) return position;
    // Another process has accepted an update that this one has not read yet.
    this.#store.refresh();
    if (position > this.#store.state().head) return undefined;
    setImmediate(() => this.#catchUp());
    return new Promise((resolve) => this.#whenHeard(position, () => resolve(position)));
  }

  read(query: ReplayQuery): Replay {
    return this.#reader.read(query, this.#head);
  }

  listen(listener: TransportListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.ready;
    this.#state = "closed";
    await this.#nodes.leave();
    await this.#commits.close();
    this.#watch.close();
    this.#listeners.clear();
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    await this.#store.close();
  }

  async #join(): Promise<void> {
    await this.#nodes.join();
    this.#catchUp();
    this.#state = "ready";
  }

  /** Delivers the updates of a commit of this process. */
  #committed(commit: Commit): void {
    if (commit.state.nodes > 1) this.#watch.notify();
    if (commit.before !== this.#head) {
      // Another process has committed in between.
      this.#catchUp();
      return;
    }
    this.#nodes.catchUp(commit.state.changes);
    for (const stored of commit.added) this.#deliver(stored);
    this.#head = commit.state.head;
    this.#settle();
  }

  /** Delivers all new commits, of any process, to the listeners. */
  #catchUp(): void {
    if (this.#state === "closed" || this.#isBehind) return;
    this.#store.refresh();
    const { head, gone, changes } = this.#store.state();
    this.#nodes.catchUp(changes);
    if (head === this.#head) return;
    if (gone > this.#head) this.#lose(gone);
    const rows = this.#reader.log(this.#head, maxDeliveries);
    for (const { position, row, update } of rows) {
      if (row?.lane === "unknown") this.#head = position;
      else if (update === undefined) this.#lose(position);
      else this.#deliver({ position, update });
    }
    if (rows.length < maxDeliveries) this.#head = head;
    else {
      this.#isBehind = true;
      setImmediate(() => {
        this.#isBehind = false;
        this.#catchUp();
      });
    }
    this.#settle();
  }

  #deliver(stored: StoredUpdate): void {
    this.#head = stored.position;
    for (const listener of this.#listeners) listener.update(stored);
  }

  #lose(through: number): void {
    this.#head = through;
    for (const listener of this.#listeners) listener.gap?.(through);
  }

  #whenHeard(position: number, resolve: () => void): void {
    if (position <= this.#head) resolve();
    else this.#waiting.push({ position, resolve });
  }

  #settle(): void {
    if (this.#head > 0) this.#lag = Math.max(0, this.now() - timeOfPosition(this.#head));
    const heard = this.#waiting.filter(({ position }) => position <= this.#head);
    if (heard.length === 0) return;
    this.#waiting = this.#waiting.filter(({ position }) => position > this.#head);
    for (const { resolve } of heard) resolve();
  }
}
