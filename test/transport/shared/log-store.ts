import { randomBytes } from "node:crypto";
import type { Clock } from "../../../src/shared/clock.js";
import { nextPosition } from "../../../src/transport/positions.js";
import type {
  Append,
  Content,
  Drop,
  LogJoin,
  LogPage,
  LogRecord,
  Member,
} from "../../../src/transport/shared/shared-log.js";
import { marksAfterJoin } from "./join-marks.js";

/** The state of a store: plain data, so that a copy of an earlier time is another store. */
interface State {
  key: Uint8Array | undefined;
  records: LogRecord[];
  /** The newest position and the content of each publisher's id. */
  ids: Map<string, { readonly position: number; readonly content: string }>;
  last: number;
  dropped: number;
  deleted: number;
  forgotten: number;
  lost: number;
  seen: number;
  nodes: Map<string, { session: number; lease: number; leaseEnd: number; entries: Map<string, string> }>;
}

const emptyState = (): State => ({
  key: undefined,
  records: [],
  ids: new Map(),
  last: 0,
  dropped: 0,
  deleted: 0,
  forgotten: 0,
  lost: 0,
  seen: 0,
  nodes: new Map(),
});

/** The server of a shared log in memory. Each method is one step, as a script of Redis or a transaction is. */
export class LogStore {
  readonly #clock: Clock;
  #state = emptyState();
  /** The state of the copy: a fail-over leads to it. */
  #copy = emptyState();
  #sessions = 0;
  /** The first position of each append, also one that the log has lost. */
  readonly #firstPositions = new Map<string, number>();
  /**
   * The repeats that were deleted, where that counts as a loss, or lost. A node sends a record again when it has missed
   * the first one, which others may have heard.
   */
  readonly repeats = { deleted: [] as number[], lost: [] as number[] };
  readonly #texts = new WeakMap<LogRecord, string>();
  /** Called after each append. */
  readonly waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the copy has all that this store has. */
  get isCopied(): boolean {
    return this.#copy.last === this.#state.last;
  }

  get length(): number {
    return this.#state.records.length;
  }

  /** The records, as JSON. Tests read them at every turn. */
  get contents(): string[] {
    return this.#state.records.map((record) => {
      const text = this.#texts.get(record) ?? JSON.stringify(record.content);
      this.#texts.set(record, text);
      return text;
    });
  }

  copy(): void {
    this.#copy = structuredClone(this.#state);
  }

  failOver(): void {
    const kept = new Set(this.#copy.records.map(({ position }) => position));
    const lost = this.#state.records.filter((record) => !kept.has(record.position) && this.#isRepeat(record));
    this.repeats.lost.push(...lost.map(({ position }) => position));
    this.#state = structuredClone(this.#copy);
  }

  /** Loses all. The copy follows, as a replica does. */
  empty(): void {
    this.#copy = emptyState();
    this.failOver();
  }

  join(member: Member): LogJoin & { readonly session: number } {
    const state = this.#state;
    const session = ++this.#sessions;
    const entries = state.nodes.get(member.node)?.entries ?? new Map<string, string>();
    const { lease } = member;
    state.nodes.set(member.node, { session, lease, leaseEnd: this.#clock.now() + lease, entries });
    state.key ??= member.key ?? randomBytes(16);
    const knows = member.heard <= state.deleted || state.records.some(({ position }) => position === member.heard);
    const { missed, ...marks } = marksAfterJoin(state, member, knows);

    Object.assign(state, { last: marks.last, lost: marks.lost, seen: marks.seen });
    const table = [...state.nodes].flatMap(([node, of]) =>
      [...of.entries].map(([key, value]) => [node, key, value] as const),
    );
    const { key, seen } = state;
    const join = { ...this.#marks(), key, now: this.#clock.now(), entries: table, missed, seen, session };
    this.#reap();
    return join;
  }

  append(node: string, session: number, batch: readonly Append[], head: number): number[] {
    const member = this.#member(node, session);
    const positions = batch.map(({ origin, content, repeats }) => {
      const known = this.#repeated(content, repeats, head);
      return known > 0 ? known : this.#push(origin, content);
    });
    for (const { content } of batch) {
      if (!("changes" in content)) continue;
      for (const [key, value] of content.changes) {
        if (value === null) member.entries.delete(key);
        else member.entries.set(key, value);
      }
    }
    this.#wake();
    return positions;
  }

  after(position: number, count: number): LogPage {
    const { records } = this.#state;
    let start = records.length;
    while (start > 0 && records[start - 1]!.position > position) start--;
    return { ...this.#marks(), records: structuredClone(records.slice(start, start + count)) };
  }

  release(drops: readonly Drop[], forgotten: number): void {
    const state = this.#state;
    for (const { position, id, isLoss } of drops) {
      const index = state.records.findIndex((record) => record.position === position);
      if (index < 0) continue;
      const [deleted] = state.records.splice(index, 1);
      if (isLoss && this.#isRepeat(deleted!)) this.repeats.deleted.push(position);
      state.deleted = Math.max(state.deleted, position);
      if (isLoss) state.dropped = Math.max(state.dropped, position);
      if (id !== undefined && state.ids.get(id)?.position === position) state.ids.delete(id);
    }
    state.forgotten = Math.max(state.forgotten, forgotten);
  }

  renew(node: string, session: number): void {
    const member = this.#member(node, session);
    member.leaseEnd = this.#clock.now() + member.lease;
    this.#reap();
  }

  retire(node: string, session: number): void {
    this.#member(node, session).leaseEnd = 0;
    this.#reap();
  }

  #wake(): void {
    for (const wake of [...this.waiting]) wake();
  }

  #marks() {
    const { last, dropped, forgotten, lost } = this.#state;
    return { last, dropped, forgotten, lost };
  }

  #member(node: string, session: number) {
    const member = this.#state.nodes.get(node);
    if (member?.session !== session) throw new Error("another session of this node has begun");
    return member;
  }

  #repeated(content: Content, repeats: number, head: number): number {
    if (!("draft" in content) || content.draft.id === undefined) return 0;
    const newest = this.#state.ids.get(content.draft.id);
    if (newest === undefined || newest.position <= head) return repeats;
    return newest.content === textOf(content) ? newest.position : 0;
  }

  #push(origin: string | undefined, content: Content): number {
    const state = this.#state;
    const position = nextPosition(state.last, this.#clock.now());
    state.last = position;
    if (origin !== undefined && !this.#firstPositions.has(origin)) this.#firstPositions.set(origin, position);
    state.records.push({ position, origin, content: structuredClone(content) });
    if ("draft" in content && content.draft.id !== undefined) {
      state.ids.set(content.draft.id, { position, content: textOf(content) });
    }
    return position;
  }

  #isRepeat({ position, origin }: LogRecord): boolean {
    return origin !== undefined && this.#firstPositions.get(origin) !== position;
  }

  #reap(): void {
    for (const [node, { leaseEnd }] of this.#state.nodes) {
      if (leaseEnd > this.#clock.now()) continue;
      this.#state.nodes.delete(node);
      this.#push(undefined, { gone: node });
      this.#wake();
    }
  }
}

function textOf(content: Content & { draft: unknown }): string {
  const { topics, data, private: isPrivate, type, retry } = content.draft as Record<string, unknown>;
  return JSON.stringify([topics, data, isPrivate, type, retry]);
}
