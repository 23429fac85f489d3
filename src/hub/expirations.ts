import type { Clock } from "../clock.js";

/** What ends at a certain time. */
export interface Expiring {
  expire(): void;
}

interface Appointment {
  readonly expiring: Set<Expiring>;
  readonly cancel: () => void;
}

/** Ends streams when their time has come, with one timer for all that end at the same time. */
export class Expirations {
  readonly #clock: Clock;
  readonly #appointments = new Map<number, Appointment>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param time - In milliseconds since 1970. */
  add(time: number, expiring: Expiring): void {
    const appointment = this.#appointments.get(time);
    if (appointment !== undefined) {
      appointment.expiring.add(expiring);
      return;
    }
    const all = new Set([expiring]);
    const cancel = this.#clock.at(time, () => {
      this.#appointments.delete(time);
      for (const each of all) each.expire();
    });
    this.#appointments.set(time, { expiring: all, cancel });
  }

  remove(time: number, expiring: Expiring): void {
    const appointment = this.#appointments.get(time);
    if (!appointment?.expiring.delete(expiring) || appointment.expiring.size > 0) return;
    appointment.cancel();
    this.#appointments.delete(time);
  }
}
