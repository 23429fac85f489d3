import { MercureError } from "../../shared/errors.js";
import { Commit, type CommitOptions } from "./commit.js";
import { storeError } from "./store-error.js";

/** The max number of jobs in one commit: their writing holds the event loop. */
const maxJobs = 128;
/** The max size of the jobs in one commit, in UTF-16 units. One job can be larger. */
const maxUnits = 1024 * 1024;
/** The time between two attempts to write again after a failure, in milliseconds. */
const probeInterval = 500;
/** The room that must be free before the queue takes jobs again, in bytes. */
const probeBytes = 64 * 1024;

/** A change of the tables, and a caller that waits for it. */
export interface Job {
  /** Makes the change. Must not throw. Runs again if its commit has failed. */
  readonly write: (commit: Commit) => void;
  /** Called when the change is on the disk and the listeners were called. */
  readonly done: () => void;
  readonly fail: (error: Error) => void;
  /** The size of the change, in UTF-16 units. */
  readonly units: number;
}

interface WaitingJob {
  readonly job: Job;
  readonly timer: NodeJS.Timeout;
  readonly since: number;
}

export interface CommitQueueOptions extends CommitOptions {
  /** The max time that a job waits, in milliseconds. */
  readonly timeout: number;
  /** Called after each commit, before its jobs are done. */
  readonly onCommit: (commit: Commit) => void;
}

/**
 * Commits jobs, one commit at a time. All jobs that arrive during a commit go into the next one, so that they share the
 * time that the disk takes.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #queue: WaitingJob[] = [];
  #running: Promise<void> | undefined;
  #failure: Error | undefined;
  #probe: NodeJS.Timeout | undefined;
  #isLate = false;
  #batch: readonly WaitingJob[] = [];
  #closed = false;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  /** Whether the store takes no changes at the moment. */
  get isAway(): boolean {
    return this.#failure !== undefined || this.#isLate;
  }

  /** The number of jobs that have not ended. */
  get size(): number {
    return this.#queue.length + this.#batch.length;
  }

  /** The time that the longest waiting update has waited, in milliseconds. */
  get longestWait(): number {
    const oldest = this.#batch[0] ?? this.#queue[0];
    return oldest === undefined ? 0 : performance.now() - oldest.since;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  add(job: Job): void {
    if (this.#failure !== undefined) {
      job.fail(this.#failure);
      return;
    }
    const timer = setTimeout(() => this.#giveUp(waiting), this.#options.timeout);
    const waiting: WaitingJob = { job, timer, since: performance.now() };
    this.#queue.push(waiting);
    this.#running ??= this.#run();
  }

  /** Resolves when all jobs have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probe);
    await this.#running;
  }

  async #run(): Promise<void> {
    // The jobs of one turn of the event loop share a commit.
    await new Promise(setImmediate);
    let more = false;
    while (this.#queue.length > 0 || (more && !this.#closed)) {
      const batch = this.#take();
      this.#batch = batch;
      try {
        let commit!: Commit;
        await this.#options.store.commit((state) => {
          commit = new Commit(state, this.#options);
          for (const { job } of batch) job.write(commit);
          more = commit.finish();
        });
        this.#isLate = false;
        this.#options.onCommit(commit);
        for (const { job, timer } of batch) {
          clearTimeout(timer);
          job.done();
        }
      } catch (error) {
        more = false;
        this.#fail(error, batch);
      }
      this.#batch = [];
    }
    this.#running = undefined;
  }

  #take(): WaitingJob[] {
    let count = 0;
    let units = 0;
    while (count < this.#queue.length && count < maxJobs && (count === 0 || units < maxUnits)) {
      units += this.#queue[count++]!.job.units;
    }
    return this.#queue.splice(0, count);
  }

  /** Fails all jobs, and checks at intervals whether writing works again. */
  #fail(cause: unknown, batch: readonly WaitingJob[]): void {
    this.#failure = storeError(cause, this.#options.store.path);
    for (const { job, timer } of [...batch, ...this.#queue.splice(0)]) {
      clearTimeout(timer);
      job.fail(this.#failure);
    }
    this.#probeLater();
  }

  #probeLater(): void {
    if (this.#closed) return;
    this.#probe = setTimeout(() => {
      this.#running ??= this.#tryAgain().finally(() => {
        this.#running = undefined;
      });
    }, probeInterval);
    this.#probe.unref();
  }

  async #tryAgain(): Promise<void> {
    const { store } = this.#options;
    try {
      await store.commit(() => store.pad(probeBytes));
      await store.commit(() => store.pad(0));
      this.#failure = undefined;
    } catch (cause) {
      this.#failure = storeError(cause, store.path);
      this.#probeLater();
    }
  }

  /** Fails a job that has waited too long, for example because another process holds the lock and does not run. */
  #giveUp(waiting: WaitingJob): void {
    this.#isLate = true;
    this.#queue = this.#queue.filter((each) => each !== waiting);
    const seconds = this.#options.timeout / 1000;
    const message =
      `The history in ${this.#options.store.path} did not confirm an update within ${seconds} s. ` +
      "It may have been accepted; publishing it again with the same id is safe.";
    waiting.job.fail(new MercureError("ERR_TRANSPORT", message));
  }
}
