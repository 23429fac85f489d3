import type { Draft, Update } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { OptionReader } from "../../shared/option-reader.js";
import { acceptedUpdate } from "../accepted-update.js";
import { CursorCipher } from "../cursor.js";
import { History } from "../history/history.js";
import { type HistoryOptions, readHistoryLimits } from "../history/history-options.js";
import { nextPosition } from "../positions.js";
import { isRepetition } from "../repetition.js";
import type {
  InternalOptions,
  Replay,
  ReplayQuery,
  StoredUpdate,
  Transport,
  TransportListener,
  TransportState,
} from "../transport.js";
import { NodesOfOne } from "./nodes-of-one.js";

/** Options of {@link MemoryTransport}. */
export type MemoryTransportOptions = HistoryOptions;

/**
 * Stores updates in the memory of one process. A restart loses them, and reconnecting clients detect the gap.
 *
 * @example
 * ```ts
 * import { Hub } from "htmx-mercure/hub";
 * import { MemoryTransport } from "htmx-mercure/transport/memory";
 *
 * const hub = new Hub({ transport: new MemoryTransport({ historyLength: 100 }) });
 * await hub.publish({ topics: ["a"], data: "hello", private: false });
 * ```
 */
export class MemoryTransport implements Transport {
  readonly ready: Promise<void> = Promise.resolve();
  readonly nodes = new NodesOfOne();
  readonly #cursors = new CursorCipher();
  readonly #history: History;
  readonly #listeners = new Set<TransportListener>();
  /** The queue of updates for the listeners. A listener can publish, and all listeners must see the same order. */
  readonly #undelivered: StoredUpdate[] = [];
  #delivering = false;
  #head = 0;
  #closed = false;

  /** @throws MercureError `ERR_OPTION` for an unknown or invalid option. */
  constructor(options: MemoryTransportOptions = {}) {
    const read = new OptionReader(options, "", {});
    this.#history = new History(readHistoryLimits(read));
    read.refuseUnknown();
  }

  get state(): TransportState {
    return this.#closed ? "closed" : "ready";
  }

  get head(): number {
    return this.#head;
  }

  /** The estimated memory of the history, in bytes. Never above the option `maxHistoryBytes`. */
  get historyBytes(): number {
    return this.#history.bytes;
  }

  now(): number {
    return Date.now();
  }

  async publish(draft: Draft, own?: InternalOptions): Promise<Update> {
    if (this.#closed) throw new MercureError("ERR_CLOSED", "The transport is closed.");
    const known = draft.id === undefined ? undefined : this.#history.newest(draft.id);
    if (known !== undefined && isRepetition(draft, known.update)) return known.update;

    const position = nextPosition(this.#head, this.now());
    this.#head = position;
    const update = acceptedUpdate(draft, draft.id ?? this.cursor(position));
    const stored = { position, update };
    if (!this.#history.add(stored, { draft, own })) return update;
    this.#undelivered.push(stored);
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
    return this.#history.read(query, this.#head);
  }

  listen(listener: TransportListener): () => void {
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
        for (const listener of this.#listeners) listener.update(stored);
      }
    } finally {
      this.#delivering = false;
    }
  }
}
