import type { Clock } from "../../shared/clock.js";
import { Session } from "./session.js";
import type { LogJoin, LogMarks, LogRecord, Member, SharedLog } from "./shared-log.js";

/**
 * Updates that a node will never receive. The records that come with the gap are the remaining ones, and later ones.
 */
export interface Gap {
  /** The updates lie between the node's head and this position. */
  readonly through: number;
  /** The log itself has lost updates up to here, of any topics; 0 if it has only deleted old ones. */
  readonly lost: number;
}

/** The functions of a node that its follower calls. */
export interface Following {
  readonly node: string;
  /** See `lease` in {@link Member}. */
  readonly lease: number;
  /** The key of the cursors, once it is known. */
  readonly key: Uint8Array | undefined;
  /**
   * Called after each join, before the records that are new since the last session.
   *
   * @param hasLost - Whether the log has lost records since the last join, such as by a fail-over.
   */
  join(join: LogJoin, isFirst: boolean, hasLost: boolean): void;
  /**
   * Called with the next records, in order.
   *
   * @param through - The log has no other records up to here.
   * @param gap - Undefined if all updates before `through` are present.
   */
  take(records: readonly LogRecord[], through: number, gap: Gap | undefined, marks: LogMarks): void;
  /** Called each time that the node has read the log to its end. */
  reachEnd(session: Session): void;
  /** Called when the node has joined the log and read it to its end. */
  open(session: Session): void;
  /** Called when the session has failed. The follower retries. */
  fail(error: Error): void;
}

/**
 * The max number of records in a page, and the max size of a page, in UTF-16 units. The average record of the last page
 * gives an estimate.
 */
const maxPage = 2000;
const maxPageLength = 8 * 2 ** 20;
/**
 * The number of renewals within a lease. The other nodes notice the end of a lease when they renew their own. All nodes
 * must know a death within 20 seconds with the default lease of 15 seconds, and the announcement of thousands of ended
 * streams takes time too.
 */
const renewals = 10;
const noGap: Gap = { through: 0, lost: 0 };

/** The max pause between two attempts to join, in milliseconds. The first pause is a fortieth of it. */
const maxPause = 2000;

/** Joins a log, reads it from the node's head on, and joins it again after each failure of the connection. */
export class Follower {
  readonly #log: SharedLog;
  readonly #clock: Clock;
  readonly #callTimeout: number;
  readonly #node: Following;
  #session: Session | undefined;
  #isClosed = false;
  #hasJoined = false;
  #head = 0;
  #heard = 0;
  /** The losses of the log that this node has accounted for. */
  #lost = 0;
  /** The losses at the last join. */
  #lostAtJoin = 0;
  #seen = 0;
  #gap: Gap = noGap;
  #pageSize = maxPage;
  #reading: Promise<void> | undefined;
  #nextReading: Promise<void> | undefined;

  /** @param callTimeout - The max time of each call to the log, in milliseconds. */
  constructor(log: SharedLog, clock: Clock, callTimeout: number, node: Following) {
    this.#log = log;
    this.#clock = clock;
    this.#callTimeout = callTimeout;
    this.#node = node;
  }

  async run(): Promise<void> {
    for (let failures = 0; !this.#isClosed; failures++) {
      const session = new Session(this.#clock, this.#callTimeout);
      this.#session = session;
      try {
        await this.#join(session);
        failures = 0;
        void this.#renewLease(session);
        for (;;) {
          await session.call(this.#log.wait(this.#head));
          await this.catchUp();
        }
      } catch (error) {
        this.#session = undefined;
        session.fail(error as Error);
        this.#log.leave();
        if (this.#isClosed) return;
        this.#node.fail(error as Error);
      }
      // Many nodes lose the same store at the same time, and must not return at the same time.
      const pause = (maxPause / 40) * 2 ** failures;
      await this.pause(Math.min(maxPause, pause) * (0.5 + Math.random() / 2));
    }
  }

  /** Reads the log to its present end. Concurrent calls share one reading that begins after them. */
  catchUp(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return Promise.reject(new Error("the store is unreachable"));
    this.#nextReading ??= this.#readNext(session);
    return this.#nextReading;
  }

  /** Waits for a number of milliseconds. */
  pause(time: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.at(this.#clock.now() + time, resolve);
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const session = this.#session;
    try {
      if (this.#hasJoined) await session?.call(Promise.race([this.#log.retire(), this.pause(1000)]));
    } catch {
      // The lease expires without this call.
    }
    session?.fail(new Error("the transport is closed"));
    this.#log.leave();
  }

  get #member(): Member {
    const { node, key, lease } = this.#node;
    return { node, key, lease, head: this.#head, heard: this.#heard, marks: { lost: this.#lost, seen: this.#seen } };
  }

  async #join(session: Session): Promise<void> {
    const join = await session.call(this.#log.join(this.#member));
    // The node can read of the loss before it joins again.
    const hasLost = this.#hasJoined && join.lost > this.#lostAtJoin;
    this.#lostAtJoin = join.lost;
    this.#lost = join.lost;
    this.#seen = join.seen;
    if (this.#hasJoined && join.missed > this.#head) this.#widen(join.missed, join.missed);
    this.#node.join(join, !this.#hasJoined, hasLost);
    await this.catchUp();
    this.#hasJoined = true;
    this.#node.open(session);
  }

  async #readNext(session: Session): Promise<void> {
    // A reading under way may have begun before the caller's reason to read.
    await this.#reading?.catch(() => {});
    this.#reading = this.#nextReading;
    this.#nextReading = undefined;
    await this.#readToEnd(session);
  }

  async #readToEnd(session: Session): Promise<void> {
    let records: LogRecord[] = [];
    let through = this.#head;
    for (let isEnd = false; !isEnd; ) {
      const size = this.#pageSize;
      const page = await session.call(this.#log.after(through, size));
      isEnd = page.records.length < size;
      records = records.length === 0 ? [...page.records] : [...records, ...page.records];
      through = isEnd ? Math.max(through, page.last) : page.records.at(-1)!.position;
      this.#pageSize = nextPageSize(page.records);
      if (page.lost > Math.max(this.#lost, this.#head)) this.#widen(page.lost, page.lost);
      if (page.dropped > this.#head && this.#hasJoined) this.#widen(page.dropped, 0);
      // Listeners must know of missing updates before they receive later ones.
      if (this.#gap.through > through && !isEnd) continue;
      const gap = this.#gap === noGap ? undefined : this.#gap;
      this.#gap = noGap;
      this.#lost = Math.max(this.#lost, page.lost);
      this.#heard = records.findLast(({ content }) => "draft" in content)?.position ?? this.#heard;
      const taken = records;
      records = [];
      this.#node.take(taken, through, gap, page);
      this.#head = through;
    }
    this.#node.reachEnd(session);
  }

  #widen(through: number, lost: number): void {
    this.#gap = { through: Math.max(this.#gap.through, through), lost: Math.max(this.#gap.lost, lost) };
  }

  async #renewLease(session: Session): Promise<void> {
    try {
      for (;;) {
        await this.pause(this.#node.lease / renewals);
        if (session.hasFailed) return;
        await session.call(this.#log.renew());
      }
    } catch (error) {
      session.fail(error as Error);
    }
  }
}

function nextPageSize(records: readonly LogRecord[]): number {
  if (records.length === 0) return maxPage;
  let length = 0;
  for (const { content } of records) length += "draft" in content ? content.draft.data.length : 100;
  return Math.max(1, Math.min(maxPage, Math.floor((maxPageLength * records.length) / (length + 1))));
}
