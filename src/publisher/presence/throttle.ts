import type { Clock } from "../../shared/clock.js";

/** Runs a callback at most once in an interval: at once when it may, else when the interval has passed. */
export class Throttle {
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #callback: () => void;
  #lastRun = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** @param interval - In milliseconds. */
  constructor(clock: Clock, interval: number, callback: () => void) {
    this.#clock = clock;
    this.#interval = interval;
    this.#callback = callback;
  }

  /** Asks for a run after this moment. Several requests within the interval share one run. */
  request(): void {
    if (this.#cancel !== undefined) return;
    const next = this.#lastRun + this.#interval;
    if (this.#clock.now() >= next) this.#run();
    else this.#cancel = this.#clock.at(next, () => this.#run());
  }

  /** Drops the run that is due. */
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
