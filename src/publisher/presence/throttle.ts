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

  /** Requests a run after this moment. Several requests within the interval share one run. */
  request(): void {
    if (this.#cancel !== undefined) return;
    const next = this.#lastRun + this.#interval;
    if (this.#clock.now() >= next) this.#run();
    else this.#cancel = this.#clock.at(next, () => this.#run());
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
