import type { InternalDraft, Update } from "../../protocol/update.js";
import type { Replay, ReplayQuery, StoredUpdate } from "../transport.js";
import { acceptedUpdate } from "./accepted-update.js";
import { PositionLog } from "./position-log.js";

interface Entry {
  readonly position: number;
  readonly draft: InternalDraft;
}

/** The max memory of an update besides its strings (measured, rounded up). */
const bytesPerUpdate = 512;

/**
 * Stores the updates that a hub publishes itself, such as subscription events.
 *
 * Each of these updates has its own topic, which is never used again. In the history of topics they would evict
 * publishers' updates, and each eviction would make the knowledge of gaps less exact. Here they share one log with its
 * own budget, so any number of subscribers who come and go costs publishers nothing. Updates are rarely read, so the
 * log keeps drafts, which can build their fields on demand from less.
 */
export class NamespaceLog {
  readonly #limit: number;
  readonly #cursor: (position: number) => string;
  readonly #log = new PositionLog<Entry>();
  #namespaces: readonly string[] = [];
  #bytes = 0;
  #droppedThrough = 0;

  /**
   * @param limit - The max memory, in bytes.
   * @param cursor - Returns the id of a position.
   */
  constructor(limit: number, cursor: (position: number) => string) {
    this.#limit = limit;
    this.#cursor = cursor;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(position: number, draft: InternalDraft, namespace: string): Update {
    if (!this.#namespaces.includes(namespace)) this.#namespaces = [...this.#namespaces, namespace];
    this.#log.push({ position, draft });
    this.#bytes += bytesOf(draft);
    while (this.#bytes > this.#limit) {
      const dropped = this.#log.shift()!;
      this.#bytes -= bytesOf(dropped.draft);
      this.#droppedThrough = dropped.position;
    }
    return new InternalUpdate(draft, () => this.#cursor(position));
  }

  /** Whether the log stores updates of a topic. */
  holds(topic: string): boolean {
    return this.#namespaces.some((namespace) => topic.startsWith(namespace));
  }

  /** @param head - The newest position of all. */
  read(query: ReplayQuery, head: number): Replay {
    const { topics, after, limit = Number.POSITIVE_INFINITY, maxUpdates = Number.POSITIVE_INFINITY } = query;
    const updates: StoredUpdate[] = [];
    const lostThrough = this.#droppedThrough;
    let size = 0;
    let looked = 0;
    let through = after;
    for (const { position, draft } of this.#log.after(after)) {
      if (size > limit || looked === maxUpdates) return { updates, lostThrough, through };
      looked++;
      through = position;
      // This check precedes the topics, which are built on demand.
      if (query.private === false && draft.private) continue;
      if (topics !== "*" && !draft.topics.some((topic) => topics.has(topic))) continue;
      const update = acceptedUpdate(draft, draft.id ?? this.#cursor(position));
      updates.push({ position, update });
      size += update.data.length;
    }
    return { updates, lostThrough, through: Math.max(after, head) };
  }
}

/** Merges two parts of one history, up to the position that both have considered. */
export function merged(a: Replay, b: Replay): Replay {
  const through = Math.min(a.through, b.through);
  const updates = [...a.updates, ...b.updates]
    .filter(({ position }) => position <= through)
    .sort((one, other) => one.position - other.position);
  return { updates, lostThrough: Math.max(a.lostThrough, b.lostThrough), through };
}

function bytesOf(draft: InternalDraft): number {
  return bytesPerUpdate + 2 * (draft.size ?? sizeOf(draft));
}

function sizeOf({ topics, data }: InternalDraft): number {
  return topics.reduce((units, topic) => units + topic.length, data.length);
}

/** An update for listeners. Most read only its topics, so the other fields are built on demand. */
class InternalUpdate implements Update {
  readonly #draft: InternalDraft;
  readonly #id: () => string;
  declare readonly type?: string;
  declare readonly retry?: number;

  constructor(draft: InternalDraft, id: () => string) {
    this.#draft = draft;
    this.#id = id;
    if (draft.type !== undefined) this.type = draft.type;
    if (draft.retry !== undefined) this.retry = draft.retry;
  }

  get topics(): readonly string[] {
    return this.#draft.topics;
  }

  get data(): string {
    return this.#draft.data;
  }

  get private(): boolean {
    return this.#draft.private;
  }

  get id(): string {
    return this.#draft.id ?? this.#id();
  }
}
