import type { Draft } from "../../protocol/update.js";
import { timeOfPosition } from "../positions.js";
import {
  type InternalOptions,
  maxControlBytes,
  type Replay,
  type ReplayQuery,
  type StoredUpdate,
} from "../transport.js";
import { ControlLog } from "./control-log.js";
import { EventLog } from "./event-log.js";
import type { HistoryLimits } from "./history-options.js";
import type { OnDrop } from "./on-drop.js";
import { mergeReplays, readLog } from "./read-log.js";
import { TopicHistory } from "./topic-history.js";

/** The retention of an update: the fields of its draft, and the hub's options for its own updates. */
export interface Retention {
  /** The draft's id, key, and whether history stores it. */
  readonly draft: Pick<Draft, "id" | "keep" | "key">;
  readonly own?: InternalOptions | undefined;
}

/**
 * The history of a hub in memory: publishers' updates by topic, the hub's events, and its control messages, each
 * with its own budget. Two histories with equal limits that receive the same updates in the same order hold the same.
 */
export class History {
  readonly #topics: TopicHistory;
  readonly #events: EventLog;
  readonly #control: ControlLog;
  readonly #onDrop: OnDrop;
  #eventNamespaces: readonly string[] = [];
  #controlNamespaces: readonly string[] = [];

  constructor(limits: HistoryLimits, onDrop: OnDrop = () => {}) {
    this.#topics = new TopicHistory(limits, onDrop);
    this.#events = new EventLog(limits.eventBytes, onDrop);
    this.#control = new ControlLog(maxControlBytes, onDrop);
    this.#onDrop = onDrop;
  }

  /** The estimated memory of the publishers' updates, in bytes. */
  get bytes(): number {
    return this.#topics.bytes;
  }

  /** Returns false for an event that repeats the newest one of its first topic: listeners must not hear it. */
  add(stored: StoredUpdate, { draft, own }: Retention): boolean {
    if (own === undefined) {
      if (draft.keep === false) this.#onDrop(stored, false);
      else this.#topics.add(stored.position, stored.update, draft.id !== undefined, draft.key);
      return true;
    }
    const { namespace, keep, until } = own;
    if (keep === "orders") {
      if (!this.#controlNamespaces.includes(namespace))
        this.#controlNamespaces = [...this.#controlNamespaces, namespace];
      this.#control.add(stored, draft.key, until);
    } else if (this.#events.repeats(stored.update)) {
      this.#onDrop(stored, false);
      return false;
    } else {
      if (!this.#eventNamespaces.includes(namespace)) this.#eventNamespaces = [...this.#eventNamespaces, namespace];
      this.#events.add(stored);
    }
    return true;
  }

  /** Returns the update that a draft repeats, if there is one. */
  newest(id: string): StoredUpdate | undefined {
    return this.#topics.newest(id);
  }

  /** Returns the oldest update in history with a publisher's id. */
  oldest(id: string): StoredUpdate | undefined {
    return this.#topics.oldest(id);
  }

  /** A topic without updates may have lost updates up to this position. */
  get forgottenThrough(): number {
    return Math.max(this.#topics.forgottenThrough, this.#events.forgottenThrough);
  }

  /**
   * Begins to add updates from a store that has already deleted some.
   *
   * @param through - Updates up to this position may be missing among those added until {@link History.endLoss}.
   * @param forgotten - The `forgottenThrough` of the history that has deleted them.
   * @param after - History has all updates up to this position.
   */
  beginLoss(through: number, forgotten: number, after: number): void {
    // The losses of a topic come before its next update, so most topics know them as exactly as the history that has
    // deleted the updates.
    this.#topics.beginLoss(through, forgotten, after);
    this.#events.beginLoss(through, forgotten, after);
    this.#control.lose(forgotten);
  }

  endLoss(): void {
    this.#topics.endLoss();
    this.#events.endLoss();
  }

  /** Marks all updates up to a position as lost. */
  lose(through: number): void {
    this.#topics.lose(through);
    this.#events.lose(through);
    this.#control.lose(through);
  }

  /** @param head - The newest position of all. */
  read(query: ReplayQuery, head: number): Replay {
    const { topics } = query;
    if (topics === "*") return mergeReplays(this.#topics.read(query, head), this.#readEvents(query, head));
    if (this.#eventNamespaces.length + this.#controlNamespaces.length === 0) return this.#topics.read(query, head);
    const parts: Replay[] = [];
    const inNamespace = (names: readonly string[]) =>
      new Set([...topics].filter((topic) => names.some((name) => topic.startsWith(name))));
    const events = inNamespace(this.#eventNamespaces);
    const control = inNamespace(this.#controlNamespaces);
    if (events.size > 0) parts.push(this.#readEvents({ ...query, topics: events }, head));
    if (control.size > 0) parts.push(this.#readControl({ ...query, topics: control }, head));
    if (events.size + control.size < topics.size) {
      const others = [...topics].filter((topic) => !events.has(topic) && !control.has(topic));
      parts.push(this.#topics.read({ ...query, topics: new Set(others) }, head));
    }
    return parts.reduce(mergeReplays);
  }

  #readEvents(query: ReplayQuery, head: number): Replay {
    return readLog(this.#events.after(query.after), this.#events.droppedThrough, query, head);
  }

  #readControl(query: ReplayQuery, head: number): Replay {
    const inForce = this.#control.after(query.after, timeOfPosition(head));
    return readLog(inForce, this.#control.droppedThrough, query, head);
  }
}
