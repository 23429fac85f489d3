import type { Clock } from "../../shared/clock.js";

/** An object that ends at a set time. */
export interface Expiring {
  expire(): void;
}

/** Ends streams at their expiry time, with one timer for all of them. */
export class Expirations {
  readonly #clock: Clock;
  readonly #byTime = new Map<number, Set<Expiring>>();
  /** The time that the timer waits for. It is the earliest one; streams of that time can have ended already. */
  #next = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param time - The expiry time, in milliseconds since 1970. */
  add(time: number, expiring: Expiring): void {
    const known = this.#byTime.get(time);
    if (known !== undefined) {
      known.add(expiring);
      return;
    }
    this.#byTime.set(time, new Set([expiring]));
    if (time < this.#next) this.#waitFor(time);
  }

  remove(time: number, expiring: Expiring): void {
    const all = this.#byTime.get(time);
    if (!all?.delete(expiring) || all.size > 0) return;
    this.#byTime.delete(time);
    if (this.#byTime.size === 0) this.#waitFor(Number.POSITIVE_INFINITY);
  }

  #waitFor(time: number): void {
    this.#cancel?.();
    this.#next = time;
    this.#cancel = Number.isFinite(time) ? this.#clock.at(time, () => this.#expire()) : undefined;
  }

  #expire(): void {
    const due = this.#byTime.get(this.#next) ?? [];
    this.#byTime.delete(this.#next);
    let next = Number.POSITIVE_INFINITY;
    for (const time of this.#byTime.keys()) next = Math.min(next, time);
    this.#waitFor(next);
    for (const each of due) each.expire();
  }
}
