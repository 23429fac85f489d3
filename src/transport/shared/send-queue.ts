import type { Draft, Update } from "../../protocol/update.js";
import type { Clock } from "../../shared/clock.js";
import { MercureError } from "../../shared/errors.js";
import { NotSentAgain } from "../transport.js";
import { type Append, type Content, LogRefusal } from "./shared-log.js";

/** The part of a log session that the queue uses. */
export interface SendSession {
  append(batch: readonly Append[]): Promise<readonly number[]>;
  confirm(): Promise<void>;
  /** Called when the session has failed. */
  fail(error: Error): void;
}

/** A record that counts. */
export interface Appended {
  /** Its own position, or that of the update that its draft repeats. */
  readonly position: number;
  /** Its update. Undefined if it has none, or if the draft repeats another. */
  readonly update: Update | undefined;
}

interface Pending extends Appended {
  readonly origin: string;
  readonly content: Content;
  readonly deadline: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: Error) => void;
  /** The position that the log has answered in this session; 0 before. */
  position: number;
  /** Whether this node has read the record. */
  isHeard: boolean;
  update: Update | undefined;
}

/** The max number of records in a batch. */
const maxBatch = 200;
/** The max length of the records in a batch, in UTF-16 units. A longer record is a batch of its own. */
const maxBatchLength = 2 ** 20;
/** The work of a store for a change of an entry, as a length in UTF-16 units. */
const lengthOfChange = 500;
/** The pause after a refusal, in milliseconds. */
const refusalPause = 200;

/**
 * Appends records to the log, in the order of the calls and in batches. One batch is under way at a time, and records
 * that arrive meanwhile form the next one.
 *
 * An append counts when this node has read its record from the log and the log has confirmed it. If an answer is lost,
 * the node reads the log to its end in the next session. Records that it finds there have arrived. It sends the others
 * again, except events, which can be wrong by now.
 */
export class SendQueue {
  readonly #node: string;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #repeats: (draft: Draft) => number;
  /** By origin, in the order of the calls. */
  readonly #pending = new Map<string, Pending>();
  #queue: Pending[] = [];
  /** The records that are in the log, and not yet confirmed as durable. */
  #unconfirmed: Pending[] = [];
  /** The confirmed records that this node has not read yet. */
  #confirmed: Pending[] = [];
  #session: SendSession | undefined;
  #isBusy = false;
  #wasOpen = false;
  #count = 0;
  #head = 0;
  #hasTimer = false;
  #keepAlive: NodeJS.Timeout | undefined;
  #closed: Error | undefined;
  #lastError: Error | undefined;

  /**
   * @param timeout - The max time of an append, in milliseconds.
   * @param repeats - Returns the position of the update in this node's history that a draft repeats, or 0.
   */
  constructor(node: string, clock: Clock, timeout: number, repeats: (draft: Draft) => number) {
    this.#node = node;
    this.#clock = clock;
    this.#timeout = timeout;
    this.#repeats = repeats;
  }

  /** The number of records that do not count yet. */
  get size(): number {
    return this.#pending.size;
  }

  /** The time that the longest waiting update has waited, in milliseconds. */
  get longestWait(): number {
    for (const { deadline } of this.#pending.values()) return this.#timeout - (deadline - this.#clock.now());
    return 0;
  }

  /** The last failure or refusal, until the log takes a record again. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  /**
   * Resolves when the record counts.
   *
   * @throws MercureError `ERR_TRANSPORT` after the timeout.
   */
  add(content: Content): Promise<Appended> {
    if (this.#closed) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      const origin = `${this.#node} ${++this.#count}`;
      const deadline = this.#clock.now() + this.#timeout;
      const pending = { origin, content, deadline, resolve, reject, position: 0, isHeard: false, update: undefined };
      this.#pending.set(origin, pending);
      this.#queue.push(pending);
      // The timers of a clock keep no process alive, but the caller waits for this promise.
      this.#keepAlive ??= setInterval(() => {}, 2 ** 30);
      this.#watch();
      const session = this.#session;
      if (this.#isBusy || session === undefined) return;
      this.#isBusy = true;
      // The publishes of one turn of the event loop are one batch.
      setImmediate(() => void this.#send(session));
    });
  }

  /**
   * Begins a session. This node has read the log to its end, so the log lacks all records that the node has not read.
   */
  open(session: SendSession): void {
    this.#session = session;
    if (this.#wasOpen) this.#rejectEvents();
    this.#wasOpen = true;
    const all = [...this.#pending.values()];
    for (const pending of all) pending.position = 0;
    this.#queue = all.filter(({ isHeard }) => !isHeard);
    this.#unconfirmed = all.filter(({ isHeard }) => isHeard);
    this.#confirmed = [];
    this.#isBusy = true;
    void this.#send(session);
  }

  #rejectEvents(): void {
    for (const { origin, content, isHeard, reject } of this.#pending.values()) {
      if (isHeard || !("draft" in content) || content.own?.keep !== "events") continue;
      this.#pending.delete(origin);
      reject(new NotSentAgain());
    }
    this.#rest();
  }

  /** Ends the session. The answers to its calls no longer count. */
  stop(reason: Error): void {
    this.#session = undefined;
    this.#isBusy = false;
    // The log may have lost records that it has answered. The next session finds out.
    this.#confirmed = [];
    this.#lastError = reason;
  }

  /** Notes that this node has read a record. */
  hear(origin: string, update: Update | undefined): void {
    const pending = this.#pending.get(origin);
    if (pending === undefined) return;
    pending.isHeard = true;
    pending.update = update;
  }

  /** Resolves all appends that count, now that the listeners of this node have been called up to its head. */
  settle(head = this.#head): void {
    this.#head = head;
    if (this.#confirmed.length === 0) return;
    this.#confirmed = this.#confirmed.filter((pending) => {
      if (!pending.isHeard && pending.position > head) return this.#pending.has(pending.origin);
      if (this.#pending.delete(pending.origin)) pending.resolve(pending);
      return false;
    });
    this.#rest();
  }

  /** Rejects all pending appends. */
  close(error: Error): void {
    this.#closed = error;
    this.stop(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#rest();
  }

  async #send(session: SendSession): Promise<void> {
    while (session === this.#session) {
      let batch: Pending[] = [];
      try {
        if (this.#unconfirmed.length > 0) {
          await session.confirm();
          if (session !== this.#session) return;
          this.#confirmed.push(...this.#unconfirmed.splice(0));
          this.settle();
        }
        batch = this.#nextBatch();
        if (batch.length === 0) {
          this.#isBusy = false;
          return;
        }
        const positions = await session.append(batch.map((pending) => this.#appendOf(pending)));
        if (session !== this.#session) return;
        for (const [index, pending] of batch.entries()) pending.position = positions[index]!;
        this.#unconfirmed.push(...batch);
        this.#lastError = undefined;
      } catch (error) {
        if (session !== this.#session) return;
        if (!(error instanceof LogRefusal)) {
          session.fail(error as Error);
          return;
        }
        this.#lastError = error;
        this.#queue.unshift(...batch);
        await new Promise<void>((resolve) => void this.#clock.at(this.#clock.now() + refusalPause, resolve));
      }
    }
  }

  #nextBatch(): Pending[] {
    for (;;) {
      let count = 0;
      let length = 0;
      for (const { content } of this.#queue) {
        length += lengthOf(content);
        if (count === maxBatch || (count > 0 && length > maxBatchLength)) break;
        count++;
      }
      const batch = this.#queue.splice(0, count).filter(({ origin }) => this.#pending.has(origin));
      if (batch.length > 0 || this.#queue.length === 0) return batch;
    }
  }

  /**
   * Returns the append of a record. The history decides now, and not at the call, whether the draft repeats an update.
   */
  #appendOf({ origin, content }: Pending): Append {
    return { origin, content, repeats: "draft" in content ? this.#repeats(content.draft) : 0 };
  }

  /** Rejects the records that have waited too long. All wait equally long, so the oldest come first. */
  #watch(): void {
    const [oldest] = this.#pending.values();
    if (oldest === undefined || this.#hasTimer) return;
    this.#hasTimer = true;
    this.#clock.at(oldest.deadline, () => {
      this.#hasTimer = false;
      for (const { origin, deadline, reject } of this.#pending.values()) {
        if (deadline > this.#clock.now()) break;
        this.#pending.delete(origin);
        reject(this.#timeoutError());
      }
      this.#watch();
      this.#rest();
    });
  }

  #timeoutError(): MercureError {
    const why = this.#lastError === undefined ? "" : `: ${this.#lastError.message}`;
    const message = `The store did not confirm the update within ${this.#timeout / 1000} s${why}. The update may have been accepted; publishing it again with the same id is safe.`;
    return new MercureError("ERR_TRANSPORT", message, { cause: this.#lastError });
  }

  #rest(): void {
    if (this.#pending.size > 0) return;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }
}

function lengthOf(content: Content): number {
  if ("draft" in content) return content.draft.data.length;
  return "changes" in content ? lengthOfChange * content.changes.length : 0;
}
