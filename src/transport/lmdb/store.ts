import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Database, RootDatabase } from "lmdb";
import { MercureError } from "../../shared/errors.js";
import { loadPeer } from "../peer.js";
import { checkDataFile } from "./data-file.js";
import { guardExit } from "./exit-guard.js";
import { emptyState, type State } from "./state.js";
import { causeOf } from "./store-error.js";

/** The format of the tables. A change that an older version would misread increases it. */
const format = 1;

/** The max number of pauses with separate records. */
const maxPauses = 100;

/** The positions after one, up to another, of a time without a process that used the folder. */
type Pause = readonly [after: number, through: number];

/** The count and the loss of a topic in history. */
export interface TopicState {
  count: number;
  /** Updates of the topic up to this position may have been evicted. */
  evicted: number;
}

/**
 * The size of the memory map, in bytes. It takes address space, and neither memory nor disk. LMDB remaps a file that
 * outgrows its map. The threads that read and write do so without a lock between them, which can end the process.
 */
const mapSize = 2 ** 36;

const open = new Map<string, Store>();

/** The tables of a history in one folder. All transports of a process that use the folder share one store. */
export class Store {
  readonly path: string;
  /** The key of the ids that the hub makes. */
  readonly cursorKey: Uint8Array;
  /** All updates, by position. */
  readonly log: Database<string, Buffer>;
  /** The topics' updates in history: the topic's hash and the position. */
  readonly byTopic: Database<Buffer, Buffer>;
  /** The topics in history, by their hash. */
  readonly topics: Database<TopicState, Buffer>;
  /** The updates in history that have an id of their publisher: the id's hash and the position. */
  readonly byId: Database<Buffer, Buffer>;
  /** The newest position of a key in a topic, by the hashes of both. */
  readonly byKey: Database<number, Buffer>;
  /** The hub's own updates: the lane and the position. */
  readonly own: Database<Buffer, Buffer>;
  /** The processes of the living nodes. */
  readonly nodes: Database<unknown, string>;
  /** The entries of the nodes. */
  readonly entries: Database<unknown, string>;
  /** The last changes of the entries, by number. */
  readonly changes: Database<unknown, number>;
  readonly #env: RootDatabase;
  readonly #meta: Database<unknown, string>;
  #users = 0;

  /**
   * Opens the history in a folder, and creates it if it is missing.
   *
   * @throws MercureError `ERR_OPTION` when the folder holds something else, or a history that this version cannot read.
   */
  static open(folder: string): Store {
    const path = preparedFolder(folder);
    let store = open.get(path);
    if (store === undefined) {
      store = new Store(path);
      open.set(path, store);
    }
    store.#users++;
    return store;
  }

  private constructor(path: string) {
    this.path = path;
    checkDataFile(path);
    try {
      // One commit runs at a time. Each takes all updates that were published meanwhile, and is on the disk when it
      // resolves. With the batches of turns, lmdb would create promises without handlers.
      const options = { path, mapSize, noSubdir: false, maxDbs: 16, overlappingSync: false, eventTurnBatching: false };
      this.#env = loadPeer<typeof import("lmdb")>("lmdb", "The transport lmdb:").open({ ...options, encoding: "json" });
      this.#refuseOthers();
      this.#meta = this.#env.openDB({ name: "meta", encoding: "json" });
      this.cursorKey = this.#prepare();
      const tables = { keyEncoding: "binary" } as const;
      this.log = this.#env.openDB({ ...tables, name: "log", encoding: "string" });
      this.byTopic = this.#env.openDB({ ...tables, name: "byTopic", encoding: "binary" });
      this.topics = this.#env.openDB({ ...tables, name: "topics", encoding: "json" });
      this.byId = this.#env.openDB({ ...tables, name: "byId", encoding: "binary" });
      this.byKey = this.#env.openDB({ ...tables, name: "byKey", encoding: "json" });
      this.own = this.#env.openDB({ ...tables, name: "own", encoding: "binary" });
      this.nodes = this.#env.openDB({ name: "nodes", encoding: "json" });
      this.entries = this.#env.openDB({ name: "entries", encoding: "json" });
      this.changes = this.#env.openDB({ name: "changes", encoding: "json" });
    } catch (cause) {
      if (cause instanceof MercureError) throw cause;
      throw new MercureError("ERR_OPTION", `Cannot open the history in ${path}: ${(cause as Error).message}.`, {
        cause,
      });
    }
  }

  /** Returns the state, as of the snapshot that reads use in this turn of the event loop. */
  state(): State {
    return (this.#meta.get("state") as State | undefined) ?? emptyState();
  }

  /** Makes all commits so far visible to the reads of this turn. */
  refresh(): void {
    this.#env.resetReadTxn();
  }

  /**
   * Runs a function that changes the tables, and resolves when its changes are on the disk. If it throws, the tables
   * stay unchanged.
   *
   * @param change - Receives the state, which the commit stores with the other changes.
   */
  async commit(change: (state: State) => void): Promise<void> {
    try {
      await guardExit(() =>
        this.#env.childTransaction(() => {
          const state = this.state();
          change(state);
          this.#meta.putSync("state", state);
        }),
      );
    } catch (error) {
      throw await causeOf(error);
    }
  }

  /** Forces the file to grow now, and thus to have room later: a commit writes a value of this size, or removes it. */
  pad(bytes: number): void {
    if (bytes > 0) this.#meta.putSync("pad", "-".repeat(bytes));
    else if (this.#meta.get("pad") !== undefined) this.#meta.removeSync("pad");
  }

  /**
   * Notes, during a commit, that no process used the folder until now. If an id has a position in a pause, a restored
   * backup lacks its update.
   */
  endPause(after: number, through: number): void {
    const pauses: Pause[] = [...this.#pauses(), [after, through]];
    // An id between two merged pauses becomes unknown. Its reader is told of a gap, and misses no update silently.
    if (pauses.length > maxPauses) pauses.splice(0, 2, [pauses[0]![0], pauses[1]![1]]);
    this.#meta.putSync("pauses", pauses);
  }

  /** Whether a position is one of a pause. */
  isInPause(position: number): boolean {
    return this.#pauses().some(([after, through]) => position > after && position <= through);
  }

  #pauses(): readonly Pause[] {
    return (this.#meta.get("pauses") as readonly Pause[] | undefined) ?? [];
  }

  /** Closes the tables after the last transport of this process has done so. */
  async close(): Promise<void> {
    if (--this.#users > 0) return;
    open.delete(this.path);
    await this.#env.close();
  }

  /** @throws MercureError `ERR_OPTION` for a file of another program or of a newer version, before any change. */
  #refuseOthers(): void {
    const tables = [...this.#env.getKeys()];
    // A process that ended during the creation of the history has left at most this table.
    if (tables.length === 0 || (tables.length === 1 && tables[0] === "meta")) return;
    const meta = tables.includes("meta")
      ? this.#env.openDB({ name: "meta", encoding: "json", create: false } as { name: string })
      : undefined;
    const found = meta?.get("format");
    if (found === format) return;
    void this.#env.close();
    const reason = Number.isSafeInteger(found)
      ? `has format ${found}, and this version of htmx-mercure reads format ${format}. Update htmx-mercure`
      : "is not a history of htmx-mercure. Choose another folder";
    throw new MercureError("ERR_OPTION", `The folder ${this.path} ${reason}. It was not changed.`);
  }

  /** Returns the key of the history. Gives a new history its format and its key. */
  #prepare(): Uint8Array {
    if (this.#meta.get("format") === undefined) {
      this.#meta.transactionSync(() => {
        if (this.#meta.get("format") !== undefined) return;
        this.#meta.putSync("format", format);
        this.#meta.putSync("key", randomBytes(16).toString("base64url"));
      });
    }
    return Buffer.from(this.#meta.get("key") as string, "base64url");
  }
}

/** Creates a folder if it is missing, and returns its absolute path, without symbolic links. */
function preparedFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return realpathSync(folder);
  } catch (cause) {
    const reason =
      existsSync(folder) && !statSync(folder).isDirectory() ? "it is a file, not a folder" : (cause as Error).message;
    throw new MercureError("ERR_OPTION", `Cannot keep the history in ${join(folder)}: ${reason}.`, { cause });
  }
}
