import type { Clock } from "../../src/shared/clock.js";

/** A clock that stands until a test advances it; due callbacks then run in their order. */
export class ManualClock implements Clock {
  #now = Date.now();
  readonly #due = new Set<{ readonly time: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  at(time: number, callback: () => void): () => void {
    const entry = { time, callback };
    this.#due.add(entry);
    if (time <= this.#now) setImmediate(() => this.advance(0));
    return () => this.#due.delete(entry);
  }

  /** The number of pending callbacks. */
  get waiting(): number {
    return this.#due.size;
  }

  /** Advances the clock by this many seconds. */
  advance(seconds: number): void {
    this.#now += seconds * 1000;
    const passed = [...this.#due].filter(({ time }) => time <= this.#now).sort((a, b) => a.time - b.time);
    for (const entry of passed) if (this.#due.delete(entry)) entry.callback();
  }
}
