import type { InternalDraft, Update } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { OptionReader } from "../../shared/option-reader.js";
import { historyDefaults } from "../history-defaults.js";
import type { Replay, ReplayQuery, StoredUpdate, Transport } from "../transport.js";
import { acceptedUpdate } from "./accepted-update.js";
import { CursorCipher } from "./cursor.js";
import { History } from "./history.js";
import { merged, NamespaceLog } from "./namespace-log.js";
import { isRepetition } from "./repetition.js";

export interface MemoryTransportOptions {
  /** The max number of updates of each topic kept for replay. Default 500; 0 keeps none. */
  readonly historyLength?: number | undefined;
  /**
   * The max memory of all kept updates, in bytes, by an upper estimate that includes overhead. The oldest updates are
   * evicted first. The hub's own updates have a separate budget, of a sixteenth as much again. Default 64 MiB; 0 keeps
   * none.
   */
  readonly maxHistoryBytes?: number | undefined;
}

/** The divisor of the hub's own budget: its updates can take this fraction of the publishers' budget. */
const ownShare = 16;

/** Stores updates in the memory of one process. A restart loses them, and reconnecting clients detect the gap. */
export class MemoryTransport implements Transport {
  readonly #cursors = new CursorCipher();
  readonly #history: History;
  readonly #own: NamespaceLog;
  readonly #listeners = new Set<(stored: StoredUpdate) => void>();
  /** The queue of updates for the listeners. A listener can publish, and all must see the same order. */
  readonly #undelivered: StoredUpdate[] = [];
  #delivering = false;
  #head = 0;
  #closed = false;

  constructor(options: MemoryTransportOptions = {}) {
    const read = new OptionReader(options, "", {});
    const length = read.number("historyLength", { min: 0, integer: true }) ?? historyDefaults.length;
    const bytes = read.number("maxHistoryBytes", { min: 0, integer: true }) ?? historyDefaults.bytes;
    this.#history = new History({ length, bytes });
    this.#own = new NamespaceLog(length === 0 ? 0 : bytes / ownShare, (position) => this.cursor(position));
    read.refuseUnknown();
  }

  get head(): number {
    return this.#head;
  }

  /** The estimated memory of the history, in bytes. Never above the option `maxHistoryBytes`. */
  get maxHistoryBytes(): number {
    return this.#history.bytes;
  }

  async publish(draft: InternalDraft, namespace?: string): Promise<Update> {
    if (this.#closed) throw new MercureError("ERR_CLOSED", "The transport is closed.");
    const known = draft.id === undefined ? undefined : this.#history.newest(draft.id);
    if (known !== undefined && isRepetition(draft, known.update)) return known.update;

    const position = ++this.#head;
    let update: Update;
    if (namespace === undefined) {
      update = acceptedUpdate(draft, draft.id ?? this.cursor(position));
      this.#history.add(position, update, draft.id !== undefined);
    } else {
      update = this.#own.add(position, draft, namespace);
    }
    this.#undelivered.push({ position, update });
    this.#deliver();
    return update;
  }

  cursor(position: number): string {
    return this.#cursors.encode(position);
  }

  positionOf(id: string): number | undefined {
    const position = this.#cursors.decode(id) ?? this.#history.oldest(id)?.position;
    return position !== undefined && position <= this.#head ? position : undefined;
  }

  read(query: ReplayQuery): Replay {
    const { topics } = query;
    if (topics === "*") return merged(this.#history.read(query, this.#head), this.#own.read(query, this.#head));
    const own = new Set([...topics].filter((topic) => this.#own.holds(topic)));
    if (own.size === 0) return this.#history.read(query, this.#head);
    const ownReplay = this.#own.read({ ...query, topics: own }, this.#head);
    if (own.size === topics.size) return ownReplay;
    const others = new Set([...topics].filter((topic) => !own.has(topic)));
    return merged(this.#history.read({ ...query, topics: others }, this.#head), ownReplay);
  }

  listen(listener: (stored: StoredUpdate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }

  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let stored = this.#undelivered.shift(); stored; stored = this.#undelivered.shift()) {
        for (const listener of this.#listeners) listener(stored);
      }
    } finally {
      this.#delivering = false;
    }
  }
}
