import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import type { Logger } from "../../shared/logger.js";
import { ConnectionInUse } from "./database.js";
import type { OutboxSettings } from "./outbox-options.js";
import { draftOf } from "./record.js";
import { RelayTables, type StoredRow } from "./relay-tables.js";

export interface RelayOptions extends OutboxSettings {
  /** Publishes a draft. Repeating it with the same id is safe. */
  readonly publish: (draft: Draft) => Promise<unknown>;
  /** Whether concurrent publishes keep the order of the calls. */
  readonly isOrdered: boolean;
  readonly logger: Logger;
}

/** `starting`: the tables do not exist yet. `away`: the database or the hub fails now, and the relay retries. */
export type RelayState = "starting" | "ready" | "away" | "closed";

interface WaitingDraft {
  readonly position: number;
  readonly draft: Draft;
}

/** The pause between a publish in a transaction and the first check for its commit, in milliseconds. */
const minPause = 2;

/** The pauses after failures, in milliseconds. */
const failurePauses = { min: 100, max: 10_000 };

/** The max number of failures of an update while others succeed. After it, the relay sets the update aside. */
const maxFailures = 5;

/**
 * Publishes the updates that transactions have put into the outbox, in the order of the rows, and deletes each one that
 * the hub has acknowledged. After a crash in between it publishes updates again under the same ids, and the hub ignores
 * them. A lease lets one relay work at a time, so that the order holds with several processes.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #tables: RelayTables;
  /** The rows that are published and not deleted yet. */
  #published: number[] = [];
  /** The number of failures of each row that is retried. */
  readonly #failures = new Map<number, number>();
  #pause = minPause;
  #failurePause = 0;
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #onDue: (() => void) | undefined;
  #state: RelayState = "starting";
  readonly #ended: Promise<void>;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#tables = new RelayTables(options);
    this.#ended = this.#run();
  }

  get state(): RelayState {
    return this.#state;
  }

  /** Whether the tables exist. */
  get isPrepared(): boolean {
    return this.#tables.isPrepared;
  }

  /** Resolves when the tables exist. */
  get ready(): Promise<void> {
    return this.#tables.ready;
  }

  /** Checks for a commit soon, and then at growing intervals. */
  wake(): void {
    if (this.#failurePause > 0) return;
    this.#pause = minPause;
    if (this.#onDue !== undefined && this.#due - performance.now() > minPause) this.#schedule(minPause);
  }

  /** Starts no further work. */
  stop(): void {
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#onDue?.();
  }

  /** Resolves when the relay has stopped using the database. */
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
    // A process without a relay has finished once the tables exist.
    if (!relay && this.#state === "ready") return;
    this.#due = performance.now() + pause;
    this.#timer = setTimeout(() => this.#onDue?.(), pause).unref();
  }

  #fail(error: unknown): number {
    const { min, max } = failurePauses;
    if (this.#isClosed) return 0;
    if (this.#failurePause === 0) {
      const { message } = error as Error;
      this.#options.logger.error(`htmx-mercure: the outbox fails, and retries until it works: ${message}`, error);
    }
    if (this.#state === "ready") this.#state = "away";
    this.#failurePause = Math.min(Math.max(2 * this.#failurePause, min), max);
    return this.#failurePause;
  }

  /** Returns whether it has found work. */
  async #round(): Promise<boolean> {
    await this.#tables.prepare();
    if (!this.#options.relay) return false;
    await this.#deletePublished();
    let rows = await this.#tables.rows();
    if (rows.length === 0) {
      await this.#tables.releaseLease();
      return false;
    }
    const wasHolder = this.#tables.hasLease;
    if (!(await this.#tables.takeLease())) return false;
    // The previous holder may have published them meanwhile.
    if (!wasHolder) rows = await this.#tables.rows();
    const waiting = await this.#readable(rows);
    if (this.#isClosed || !this.#tables.hasLease) return true;
    await this.#publish(waiting);
    await this.#deletePublished();
    return true;
  }

  /** Returns the updates to publish now: up to the second one of an id, because the hub compares with the newest. */
  async #readable(rows: readonly StoredRow[]): Promise<WaitingDraft[]> {
    const waiting: WaitingDraft[] = [];
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
    // The hub cannot recognize a repetition without an id. History does not store these updates, so a crash can lose
    // them.
    await this.#tables.delete(waiting.filter(({ draft }) => draft.keep === false).map(({ position }) => position));
    return waiting;
  }

  async #publish(waiting: readonly WaitingDraft[]): Promise<void> {
    const { publish, isOrdered } = this.#options;
    const failed: [row: WaitingDraft, error: Error][] = [];
    const attempt = async (row: WaitingDraft) => {
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

  /** Marks an update that cannot be published. It stays in the table, and the relay continues with the others. */
  async #setAside(position: number, error: Error): Promise<void> {
    const how = await this.#tables.setAside(position, error);
    this.#failures.delete(position);
    this.#options.logger.error(
      `htmx-mercure: the outbox sets the update at position ${position} aside: ${error.message} To retry: ${how}`,
    );
  }

  async #deletePublished(): Promise<void> {
    await this.#tables.delete(this.#published);
    this.#published = [];
  }

  async #finish(): Promise<void> {
    await this.#deletePublished();
    await this.#tables.releaseLease();
  }
}

/** Whether publishing again is useless. */
function isFinal(error: Error): boolean {
  const { status } = Object(error.cause) as { status?: number };
  if (status !== undefined) return [400, 413, 422].includes(status);
  return !(error instanceof MercureError) || !/^ERR_(?:TRANSPORT|PUBLISH|CLOSED|TOKEN)$/.test(error.code);
}
