import { timeOfPosition } from "../positions.js";
import type { StoredUpdate } from "../transport.js";
import type { OnDrop } from "./on-drop.js";
import { PositionLog } from "./position-log.js";
import { sizeInLog } from "./size-of.js";

interface StoredMessage extends StoredUpdate {
  readonly key: string | undefined;
  readonly until: number;
  /** Whether a newer message has replaced the entry, or its time has passed. */
  dead: boolean;
}

/** The min number of entries between two searches for expired ones. */
const minSearch = 64;

/**
 * Stores the control messages of a hub's nodes, such as a message that revokes a token. A message stays until its time
 * has passed or a newer one of its key replaces it. A node that starts can thus read all messages in force.
 *
 * Time is that of the positions, so all nodes with the same updates drop the same messages.
 */
export class ControlLog {
  readonly #limit: number;
  readonly #onDrop: OnDrop;
  readonly #log = new PositionLog<StoredMessage>();
  readonly #byKey = new Map<string, StoredMessage>();
  #bytes = 0;
  #dead = 0;
  #searchAt = minSearch;
  #droppedThrough = 0;

  /**
   * @param limit - The max memory, in bytes.
   * @param onDrop - Called with each message that leaves the log, for whatever reason.
   */
  constructor(limit: number, onDrop: OnDrop) {
    this.#limit = limit;
    this.#onDrop = onDrop;
  }

  /** Messages in force up to this position may have been evicted. */
  get droppedThrough(): number {
    return this.#droppedThrough;
  }

  /**
   * @param key - The key within the message's first topic. Undefined for a message that replaces no other.
   * @param until - The end of the message's effect, in milliseconds since 1970. Default never.
   */
  add({ position, update }: StoredUpdate, key: string | undefined, until = Number.POSITIVE_INFINITY): void {
    const entry = { position, update, key: key === undefined ? key : `${update.topics[0]} ${key}`, until, dead: false };
    if (entry.key !== undefined) {
      const older = this.#byKey.get(entry.key);
      if (older !== undefined) this.#remove(older);
      this.#byKey.set(entry.key, entry);
    }
    this.#log.push(entry);
    this.#bytes += sizeInLog(update);
    if (this.#log.length >= this.#searchAt || this.#bytes > this.#limit) this.#removeExpired(timeOfPosition(position));
    while (this.#bytes > this.#limit) {
      const oldest = this.#log.first!;
      if (!oldest.dead) {
        this.lose(oldest.position);
        this.#remove(oldest, true);
      }
      this.#removeDead();
    }
  }

  /** Yields the messages after a position that are in force at a time. */
  *after(position: number, now: number): Generator<StoredUpdate, void> {
    for (const entry of this.#log.after(position)) if (!entry.dead && entry.until > now) yield entry;
  }

  /** Marks messages up to a position as lost. */
  lose(through: number): void {
    this.#droppedThrough = Math.max(this.#droppedThrough, through);
  }

  #removeExpired(now: number): void {
    for (const entry of this.#log.after(0)) if (!entry.dead && entry.until <= now) this.#remove(entry);
    this.#removeDead();
    this.#searchAt = Math.max(minSearch, 2 * this.#log.length);
  }

  #remove(entry: StoredMessage, isLoss = false): void {
    entry.dead = true;
    this.#dead++;
    this.#bytes -= sizeInLog(entry.update);
    if (entry.key !== undefined && this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key);
    this.#onDrop(entry, isLoss);
  }

  #removeDead(): void {
    while (this.#log.first?.dead) {
      this.#log.shift();
      this.#dead--;
    }
    if (this.#dead * 2 <= this.#log.length) return;
    this.#log.retain(({ dead }) => !dead);
    this.#dead = 0;
  }
}
