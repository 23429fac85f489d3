import type { Clock } from "../../shared/clock.js";

/**
 * Runs a callback at most once in an interval: at once if the last run is long enough ago, or else at the end of the
 * interval.
 */
export class Throttle {
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #callback: () => void;
  #lastRun = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** @param interval - The min time between runs, in milliseconds. */
  constructor(clock: Clock, interval: number, callback: () => void) {
    this.#clock = clock;
    this.#interval = interval;
    this.#callback = callback;
  }

  /**
   * Requests a run after this moment. Several requests within the interval share one run.
   *
   * @param delay - The min time until the run, in milliseconds.
   */
  request(delay = 0): void {
    if (this.#cancel !== undefined) return;
    const now = this.#clock.now();
    const next = Math.max(now + delay, this.#lastRun + this.#interval);
    if (now >= next) this.#run();
    else this.#cancel = this.#clock.at(next, () => this.#run());
  }

  /** Counts a run of another process as a run of this one. */
  noteRun(): void {
    this.cancel();
    this.#lastRun = this.#clock.now();
  }

  /** Cancels the pending run. */
  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #run(): void {
    this.#cancel = undefined;
    this.#lastRun = this.#clock.now();
    this.#callback();
  }
}
