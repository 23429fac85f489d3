import { randomUUID } from "node:crypto";
import type { Draft, Update } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { acceptedUpdate } from "../accepted-update.js";
import { CursorCipher } from "../cursor.js";
import { History } from "../history/history.js";
import type { Nodes } from "../nodes.js";
import { timeOfPosition } from "../positions.js";
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
import { Follower, type Gap } from "./follower.js";
import { RecentOrigins } from "./recent-origins.js";
import { Releaser } from "./releaser.js";
import type { ReplicaSettings } from "./replica-options.js";
import { Roster } from "./roster.js";
import { SendQueue } from "./send-queue.js";
import type { Session } from "./session.js";
import type { EntryChange, LogJoin, LogMarks, LogRecord, SharedLog } from "./shared-log.js";

/** The max time that a reader waits for this node to receive the update of its id, in milliseconds. */
const maxReach = 3000;

/**
 * A transport over a log that nodes share. Each node holds the history in its own memory and follows the log. Reads
 * thus do not load the store, and continue while it is unreachable.
 */
export class ReplicaTransport implements Transport {
  readonly ready: Promise<void>;
  readonly nodes: Nodes;
  readonly #roster: Roster;
  readonly #log: SharedLog;
  readonly #settings: ReplicaSettings;
  readonly #node = randomUUID();
  readonly #history: History;
  readonly #sending: SendQueue;
  readonly #releaser: Releaser;
  readonly #follower: Follower;
  readonly #listeners = new Set<TransportListener>();
  #setReady!: () => void;
  #cursors = new CursorCipher();
  #key: Uint8Array | undefined;
  #state: TransportState = "starting";
  #head = 0;
  #lag = 0;
  #awaySince = 0;
  /** Resolves when the log has the latest changes of this node's entries, or has refused them. */
  #told = Promise.resolve();
  /** The last logged failure. Each attempt to connect can fail for the same reason. */
  #failure = "";
  /** The store's time minus this node's time, in milliseconds. */
  #clockOffset = 0;
  /** The entries of other nodes are known up to here. */
  #entriesThrough = 0;
  #isFirstReading = true;
  /**
   * Whether this node published the present update. It then deletes the records that the update evicts from history.
   */
  #isTrimming = false;
  #keepAlive: NodeJS.Timeout | undefined;
  readonly #heard = new RecentOrigins();
  readonly #outside = new WeakSet<Update>();

  /** @internal */
  constructor(log: SharedLog, settings: ReplicaSettings) {
    this.#log = log;
    this.#settings = settings;
    this.#history = new History(settings.limits, (dropped, isLoss) => {
      if (this.#isTrimming) this.#releaser.addUpdate(dropped, isLoss);
    });
    this.#sending = new SendQueue(this.#node, settings.clock, settings.publishTimeout, (draft) => this.#repeats(draft));
    const { clock, lease } = settings;
    this.#roster = new Roster(
      this.#node,
      (changes) => this.#tell(changes),
      (callback) => void clock.at(clock.now() + lease, callback),
    );
    this.nodes = this.#roster;
    this.ready = new Promise((resolve) => {
      this.#setReady = resolve;
    });
    const transport = this;
    this.#releaser = new Releaser(log, settings, {
      now: () => this.now(),
      get forgottenThrough() {
        return transport.#history.forgottenThrough;
      },
    });
    this.#follower = new Follower(log, settings.clock, settings.callTimeout, {
      node: this.#node,
      lease: settings.lease,
      get key() {
        return transport.#key;
      },
      join: (join, isFirst, hasLost) => this.#join(join, isFirst, hasLost),
      take: (records, through, gap, marks) => this.#take(records, through, gap, marks),
      reachEnd: (session) => this.#reachEnd(session),
      open: (session) => this.#open(session),
      fail: (error) => this.#fail(error),
    });
    if (settings.keepAlive) this.#keepAlive = setInterval(() => {}, 2 ** 30);
    void this.#follower.run();
  }

  get state(): TransportState {
    return this.#state;
  }

  get head(): number {
    return this.#head;
  }

  get pending(): number {
    return this.#sending.size;
  }

  get longestWait(): number {
    return this.#sending.longestWait;
  }

  get heldBackBy(): string | undefined {
    return this.#state === "ready" && this.pending === 0 ? undefined : this.#sending.lastError?.message;
  }

  get lag(): number {
    return this.#state === "away" ? Math.max(this.#lag, this.#settings.clock.now() - this.#awaySince) : this.#lag;
  }

  /** The estimated memory of the history, in bytes. Never above the option `maxHistoryBytes`. */
  get historyBytes(): number {
    return this.#history.bytes;
  }

  now(): number {
    return this.#settings.clock.now() + this.#clockOffset;
  }

  async publish(draft: Draft, own?: InternalOptions): Promise<Update> {
    if (this.#state === "closed") throw closedError();
    const copy: Draft = { ...draft, topics: [...new Set(draft.topics)] };
    const { position, update } = await this.#sending.add({ draft: copy, ...(own && { own: { ...own } }) });
    // Without an update of its own, the draft repeats another with the same content.
    return update ?? acceptedUpdate(copy, copy.id ?? this.cursor(position));
  }

  cursor(position: number): string {
    return this.#cursors.encode(position);
  }

  positionOf(id: string): number | undefined | Promise<number | undefined> {
    const position = this.#cursors.decode(id) ?? this.#history.oldest(id)?.position;
    if (position !== undefined && position <= this.#head) return position;
    // Ids that hubs make are cursors, and this one is of another history.
    if (this.#state === "closed" || (position === undefined && (id === "" || id.startsWith("#")))) return undefined;
    return this.#reach(id);
  }

  read(query: ReplayQuery): Replay {
    return this.#history.read(query, this.#head);
  }

  /** Whether an update came to the log from outside a hub. */
  protected isFromOutside(update: Update): boolean {
    return this.#outside.has(update);
  }

  listen(listener: TransportListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#listeners.clear();
    this.#roster.close();
    this.#sending.close(closedError());
    this.#setReady();
    await this.#follower.close();
    clearInterval(this.#keepAlive);
  }

  /** Waits until this node has received all present records of the log. A faster node may have made the id. */
  async #reach(id: string): Promise<number | undefined> {
    const deadline = this.#follower.pause(maxReach);
    await Promise.race([this.#follower.catchUp().catch(() => {}), deadline]);
    const position = this.#cursors.decode(id) ?? this.#history.oldest(id)?.position;
    return position !== undefined && position <= this.#head ? position : undefined;
  }

  #join(join: LogJoin, isFirst: boolean, hasLost: boolean): void {
    this.#clockOffset = join.now - this.#settings.clock.now();
    if (this.#key === undefined || !Buffer.from(join.key).equals(this.#key)) this.#cursors = new CursorCipher(join.key);
    this.#key = join.key;
    this.#isFirstReading = isFirst;
    if (isFirst) this.#history.lose(join.lost);
    const changes = this.#roster.join(join.entries, isFirst, hasLost);
    this.#entriesThrough = join.last;
    if (changes.length > 0) this.#tell(changes);
  }

  #open(session: Session): void {
    if (this.#state === "closed") return;
    if (this.#state === "away") this.#settings.logger.warn(`htmx-mercure: ${this.#settings.store} is reachable again.`);
    this.#state = "ready";
    this.#isFirstReading = false;
    this.#sending.open({
      append: (batch) => session.call(this.#log.append(batch, this.#head)),
      confirm: () => session.call(this.#log.confirm()),
      fail: (error) => session.fail(error),
    });
    // The other nodes know of this one when it is ready. A proxy or a deploy can rely on that.
    void this.#told.then(() => this.#setReady());
  }

  #fail(error: Error): void {
    const { logger, store } = this.#settings;
    this.#sending.stop(error);
    if (this.#state === "away" || (this.#state === "starting" && this.#failure === error.message)) return;
    this.#failure = error.message;
    if (this.#state === "ready") this.#state = "away";
    this.#awaySince = this.#settings.clock.now();
    logger.warn(`htmx-mercure: ${store} is unreachable: ${error.message}. The hub retries until it answers.`);
  }

  #take(records: readonly LogRecord[], through: number, gap: Gap | undefined, marks: LogMarks): void {
    if (gap !== undefined && gap.lost > 0) this.#history.lose(gap.lost);
    if (marks.dropped > this.#head) this.#history.beginLoss(marks.dropped, marks.forgotten, this.#head);
    if (gap === undefined) {
      for (const record of records) this.#deliver(record.position, this.#add(record));
    } else {
      // The streams end first. Later streams read the remaining updates from history.
      const before = records.filter(({ position }) => position <= gap.through).map((record) => this.#add(record));
      this.#head = Math.max(this.#head, gap.through);
      for (const { gap: tell } of this.#listeners) tell?.(gap.through);
      for (const stored of before) this.#deliver(this.#head, stored);
      for (const record of records.slice(before.length)) this.#deliver(record.position, this.#add(record));
    }
    this.#head = through;
    const newest = records.at(-1);
    if (newest !== undefined) this.#lag = Math.max(0, this.now() - timeOfPosition(newest.position));
    this.#sending.settle(through);
  }

  /** Adds a record's update to history, and returns it. */
  #add({ position, origin, content }: LogRecord): StoredUpdate | undefined {
    if ("unknown" in content) return undefined;
    const isOwn = origin?.startsWith(this.#node) ?? true;
    this.#isTrimming = isOwn || this.#isFirstReading;
    if (!("draft" in content)) {
      if (position > this.#entriesThrough) {
        if ("gone" in content) this.#roster.end(content.gone);
        else this.#roster.apply(content.node, content.changes);
      } else if ("node" in content) this.#roster.confirm(content.node);
      if (this.#isTrimming) this.#releaser.addEntry(position);
      if (origin !== undefined) this.#sending.hear(origin, undefined);
      return undefined;
    }
    const { draft, own } = content;
    const update = acceptedUpdate(draft, draft.id ?? this.cursor(position));
    const stored = { position, update };
    const isNews = this.#history.add(stored, { draft, own });
    if (origin === undefined) {
      this.#outside.add(update);
      return stored;
    }
    this.#sending.hear(origin, update);
    return this.#heard.add(origin) && isNews ? stored : undefined;
  }

  #deliver(head: number, stored: StoredUpdate | undefined): void {
    this.#head = head;
    if (stored === undefined) return;
    for (const { update } of this.#listeners) update(stored);
  }

  #reachEnd(session: Session): void {
    this.#history.endLoss();
    void this.#releaser.release(session);
  }

  #repeats(draft: Draft): number {
    const newest = draft.id === undefined ? undefined : this.#history.newest(draft.id);
    return newest !== undefined && isRepetition(draft, newest.update) ? newest.position : 0;
  }

  #tell(changes: readonly EntryChange[]): void {
    // After a failure the next join finds out which changes the log lacks.
    this.#told = this.#sending.add({ node: this.#node, changes }).then(
      () => {},
      () => {},
    );
  }
}

export function closedError(): MercureError {
  return new MercureError("ERR_CLOSED", "The transport is closed.");
}
