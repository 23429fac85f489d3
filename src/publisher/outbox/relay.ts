import { randomUUID } from "node:crypto";
import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import type { Logger } from "../../shared/logger.js";
import { ConnectionInUse } from "./database.js";
import type { OutboxSettings } from "./outbox-options.js";
import { draftOf, recordVersion } from "./record.js";
import { nowIn, outboxStatements } from "./tables.js";

export interface RelayOptions extends OutboxSettings {
  /** Publishes a draft. Repeating it with the same id is safe. */
  readonly publish: (draft: Draft) => Promise<unknown>;
  /** Whether concurrent publishes keep the order of the calls. */
  readonly isOrdered: boolean;
  readonly logger: Logger;
}

/** `starting`: the tables are not there yet. `away`: the database or the hub fails now; the relay tries again. */
export type RelayState = "starting" | "ready" | "away" | "closed";

interface StoredRow {
  readonly position: number;
  readonly record: string;
}

interface Waiting {
  readonly position: number;
  readonly draft: Draft;
}

/** The pause between a publish in a transaction and the first look for its commit, in milliseconds. */
const minPause = 2;

/** The pauses after failures, in milliseconds. */
const failurePauses = { min: 100, max: 10_000 };

/** The max number of updates that are under way. */
const maxBatch = 50;

/** The time that a lease lasts in the database, and the time that its holder relies on it: clocks there have seconds. */
const lease = { seconds: 5, reliable: 3000 };

/** The number of failures of an update beside successes of others until it counts as impossible. */
const maxFailures = 5;

/**
 * Publishes what transactions have put into the outbox, in the order of the rows, and deletes what the hub has
 * acknowledged. A crash in between repeats updates with the same ids, and the hub ignores them. A lease lets one relay
 * work at a time, so that the order holds with several processes.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #holder = randomUUID();
  /** The rows that are published and not deleted yet. */
  #published: number[] = [];
  /** The number of failures of rows that are tried again. */
  readonly #failures = new Map<number, number>();
  #leaseEnd = 0;
  #pause = minPause;
  #failurePause = 0;
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #onDue: (() => void) | undefined;
  #state: RelayState = "starting";
  #isPrepared = false;
  #setReady!: () => void;
  /** Resolves when the tables are there. */
  readonly ready = new Promise<void>((resolve) => {
    this.#setReady = resolve;
  });
  readonly #ended: Promise<void>;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  get state(): RelayState {
    return this.#state;
  }

  /** Whether the tables are there. */
  get isPrepared(): boolean {
    return this.#isPrepared;
  }

  /** Looks for a commit soon, and then at growing distances. */
  wake(): void {
    if (this.#failurePause > 0) return;
    this.#pause = minPause;
    if (this.#onDue !== undefined && this.#due - performance.now() > minPause) this.#schedule(minPause);
  }

  /** Begins no more work. */
  stop(): void {
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#onDue?.();
  }

  /** Resolves when the relay uses the database no more. */
  async close(): Promise<void> {
    this.stop();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      let pause = this.#pause;
      try {
        const hasWorked = await this.#round();
        if (this.#isClosed) break;
        if (this.#failurePause > 0) this.#options.logger.warn("htmx-mercure: the outbox works again.");
        this.#state = "ready";
        this.#failurePause = 0;
        this.#pause = hasWorked ? minPause : Math.min(2 * this.#pause, this.#options.pollInterval);
        pause = hasWorked ? 0 : this.#pause;
      } catch (error) {
        if (error instanceof ConnectionInUse) this.#pause = Math.min(2 * this.#pause, this.#options.pollInterval);
        else pause = this.#fail(error);
      }
      if (this.#isClosed) break;
      await new Promise<void>((resolve) => {
        this.#onDue = resolve;
        this.#schedule(pause);
      });
    }
    await this.#finish().catch(() => {});
  }

  get #isClosed(): boolean {
    return this.#state === "closed";
  }

  #schedule(pause: number): void {
    const { relay } = this.#options;
    clearTimeout(this.#timer);
    // Without a relay, everything is done once the tables are there.
    if (!relay && this.#state === "ready") return;
    this.#due = performance.now() + pause;
    this.#timer = setTimeout(() => this.#onDue?.(), pause).unref();
  }

  #fail(error: unknown): number {
    const { min, max } = failurePauses;
    if (this.#isClosed) return 0;
    if (this.#failurePause === 0) {
      const { message } = error as Error;
      this.#options.logger.error(`htmx-mercure: the outbox fails, and tries again until it works: ${message}`, error);
    }
    if (this.#state === "ready") this.#state = "away";
    this.#failurePause = Math.min(Math.max(2 * this.#failurePause, min), max);
    return this.#failurePause;
  }

  /** Returns whether there was work. */
  async #round(): Promise<boolean> {
    if (!this.#isPrepared) await this.#prepare();
    if (!this.#options.relay) return false;
    await this.#deletePublished();
    let rows = await this.#rows();
    if (rows.length === 0) {
      await this.#release();
      return false;
    }
    const wasHolder = this.#leaseEnd > performance.now();
    if (!(await this.#takeLease())) return false;
    // The previous holder may have published them meanwhile.
    if (!wasHolder) rows = await this.#rows();
    const waiting = await this.#readable(rows);
    if (this.#isClosed || this.#leaseEnd <= performance.now()) return true;
    await this.#publish(waiting);
    await this.#deletePublished();
    return true;
  }

  async #prepare(): Promise<void> {
    const { database, table, createTable } = this.#options;
    try {
      for (const name of [table, `${table}_relay`]) await database.query(`select 1 from ${name} limit 1`);
    } catch (error) {
      if (error instanceof ConnectionInUse) throw error;
      const how = `npx htmx-mercure schema --outbox ${database.dialect} --table ${table}`;
      try {
        if (!createTable) throw error;
        for (const statement of outboxStatements(database.dialect, table)) await database.query(statement);
      } catch (cause) {
        if (cause instanceof ConnectionInUse) throw cause;
        const message = `The tables ${table} and ${table}_relay cannot be used: ${(cause as Error).message}. If they are missing, create them: ${how}`;
        throw new MercureError("ERR_OUTBOX", message, { cause });
      }
    }
    this.#isPrepared = true;
    this.#setReady();
  }

  async #rows(): Promise<readonly StoredRow[]> {
    const { database, table } = this.#options;
    const text = `select position, record from ${table} where error is null and version <= ${recordVersion} order by position limit ${maxBatch}`;
    const rows = await database.query(text);
    return rows.map(({ position, record }) => ({ position: Number(position), record: String(record) }));
  }

  /** Returns the updates to publish now: up to the second one of an id, because the hub compares with the newest. */
  async #readable(rows: readonly StoredRow[]): Promise<Waiting[]> {
    const waiting: Waiting[] = [];
    const ids = new Set<string | undefined>();
    for (const { position, record } of rows) {
      try {
        const draft = draftOf(record);
        if (draft.id !== undefined && ids.has(draft.id)) break;
        ids.add(draft.id);
        waiting.push({ position, draft });
      } catch (error) {
        await this.#setAside(position, error as Error);
      }
    }
    // Without an id nobody could tell a repetition. These are news of the moment, so a crash rather loses them.
    await this.#delete(waiting.filter(({ draft }) => draft.keep === false).map(({ position }) => position));
    return waiting;
  }

  async #publish(waiting: readonly Waiting[]): Promise<void> {
    const { publish, isOrdered } = this.#options;
    const failed: [row: Waiting, error: Error][] = [];
    const attempt = async (row: Waiting) => {
      try {
        await publish(row.draft);
        if (row.draft.keep !== false) this.#published.push(row.position);
        this.#failures.delete(row.position);
      } catch (error) {
        failed.push([row, error as Error]);
      }
    };
    if (isOrdered) await Promise.all(waiting.map(attempt));
    else for (const row of waiting) if (failed.every(([, error]) => isFinal(error))) await attempt(row);
    if (this.#isClosed) return;
    const isWorking = failed.length < waiting.length;
    let first: Error | undefined;
    for (const [{ position }, error] of failed) {
      const failures = (this.#failures.get(position) ?? 0) + (isWorking && isOrdered ? 1 : 0);
      this.#failures.set(position, failures);
      if (isFinal(error) || failures === maxFailures) await this.#setAside(position, error);
      else first ??= error;
    }
    if (first === undefined) return;
    await this.#deletePublished();
    throw first;
  }

  /** Keeps an impossible update in the table, where it stops no other. */
  async #setAside(position: number, error: Error): Promise<void> {
    const { database, table, logger } = this.#options;
    const reason = error.message.replace(/[^ -~]/g, "?").slice(0, 500);
    await database.query(`update ${table} set error = ? where position = ${position}`, [reason]);
    this.#failures.delete(position);
    const how = `update ${table} set error = null where position = ${position}`;
    logger.error(
      `htmx-mercure: the outbox sets the update at position ${position} aside: ${error.message} To try again: ${how}`,
    );
  }

  async #deletePublished(): Promise<void> {
    await this.#delete(this.#published);
    this.#published = [];
  }

  async #delete(positions: readonly number[]): Promise<void> {
    const { database, table } = this.#options;
    if (positions.length > 0) await database.query(`delete from ${table} where position in (${positions.join()})`);
  }

  async #takeLease(): Promise<boolean> {
    const begin = performance.now();
    if (this.#leaseEnd - begin > lease.reliable / 2) return true;
    const { database, table } = this.#options;
    const now = nowIn[database.dialect];
    const condition = `holder = '${this.#holder}' or lease_end <= ${now}`;
    await database.query(
      `update ${table}_relay set holder = '${this.#holder}', lease_end = ${now} + ${lease.seconds} where ${condition}`,
    );
    const [row] = await database.query(`select holder from ${table}_relay`);
    if (row === undefined) {
      this.#isPrepared = false;
      throw new MercureError("ERR_OUTBOX", `The table ${table}_relay has lost its row.`);
    }
    if (row.holder !== this.#holder) return false;
    this.#leaseEnd = begin + lease.reliable;
    return true;
  }

  /** Lets another relay work at once. */
  async #release(): Promise<void> {
    if (this.#leaseEnd === 0) return;
    this.#leaseEnd = 0;
    const { database, table } = this.#options;
    await database.query(`update ${table}_relay set lease_end = 0 where holder = '${this.#holder}'`);
  }

  async #finish(): Promise<void> {
    await this.#deletePublished();
    await this.#release();
  }
}

/** Whether publishing again is useless. */
function isFinal(error: Error): boolean {
  const { status } = Object(error.cause) as { status?: number };
  if (status !== undefined) return [400, 413, 422].includes(status);
  return !(error instanceof MercureError) || !/^ERR_(?:TRANSPORT|PUBLISH|CLOSED|TOKEN)$/.test(error.code);
}
