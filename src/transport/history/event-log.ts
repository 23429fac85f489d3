import type { Update } from "../../protocol/update.js";
import { isRepetition } from "../repetition.js";
import type { StoredUpdate } from "../transport.js";
import type { OnDrop } from "./on-drop.js";
import { PositionLog } from "./position-log.js";
import { sizeInLog } from "./size-of.js";

/**
 * Stores the events that a hub publishes itself, such as those of subscriptions.
 *
 * Each of these updates has its own topic, which is never used again. In the history of topics they would evict
 * publishers' updates, and each eviction would make the knowledge of gaps less exact. Here they share one log with its
 * own budget, so subscribers who come and go evict no publisher's update.
 */
export class EventLog {
  readonly #limit: number;
  readonly #onDrop: OnDrop;
  readonly #log = new PositionLog<StoredUpdate>();
  /** The newest event of each first topic. */
  readonly #newest = new Map<string, StoredUpdate>();
  #bytes = 0;
  #droppedThrough = 0;
  #forgottenThrough = 0;
  #missingThrough = 0;

  /**
   * @param limit - The max memory, in bytes.
   * @param onDrop - Called with each evicted event.
   */
  constructor(limit: number, onDrop: OnDrop) {
    this.#limit = limit;
    this.#onDrop = onDrop;
  }

  /** Events up to this position may have been evicted. */
  get droppedThrough(): number {
    return this.#droppedThrough;
  }

  /** The newest event whose eviction left the log empty; 0 for none. */
  get forgottenThrough(): number {
    return this.#forgottenThrough;
  }

  /** See `beginLoss` in `history.ts`. */
  beginLoss(through: number, forgotten: number, after: number): void {
    this.#missingThrough = Math.max(this.#missingThrough, through);
    if (forgotten > after) this.lose(forgotten);
  }

  endLoss(): void {
    this.#missingThrough = 0;
  }

  /** Whether the newest event of the same first topic has the same content. */
  repeats(update: Update): boolean {
    const newest = this.#newest.get(update.topics[0]!);
    return newest !== undefined && isRepetition(update, newest.update);
  }

  add(stored: StoredUpdate): void {
    if (this.#missingThrough > 0) {
      this.lose(Math.min(this.#missingThrough, stored.position - 1));
      this.#missingThrough = 0;
    }
    this.#log.push(stored);
    this.#newest.set(stored.update.topics[0]!, stored);
    this.#bytes += sizeInLog(stored.update);
    while (this.#bytes > this.#limit) {
      const dropped = this.#log.shift()!;
      this.#bytes -= sizeInLog(dropped.update);
      const [topic = ""] = dropped.update.topics;
      if (this.#newest.get(topic) === dropped) this.#newest.delete(topic);
      this.lose(dropped.position);
      if (this.#log.length === 0) this.#forgottenThrough = dropped.position;
      this.#onDrop(dropped, true);
    }
  }

  after(position: number): Iterable<StoredUpdate> {
    return this.#log.after(position);
  }

  /** Marks events up to a position as lost. */
  lose(through: number): void {
    this.#droppedThrough = Math.max(this.#droppedThrough, through);
  }
}
