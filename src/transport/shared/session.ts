import type { Clock } from "../../shared/clock.js";

/** The time between joining a log and leaving it. Its calls end when they take too long, or when the session fails. */
export class Session {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #calls = new Set<(error: Error) => void>();
  #error: Error | undefined;

  /** @param timeout - The max time of a call, in milliseconds. */
  constructor(clock: Clock, timeout: number) {
    this.#clock = clock;
    this.#timeout = timeout;
  }

  get hasFailed(): boolean {
    return this.#error !== undefined;
  }

  /** Waits for a call. A call that takes too long fails the session, because its effect on the store is unknown. */
  call<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) {
        promise.catch(() => {});
        reject(this.#error);
        return;
      }
      const stop = this.#clock.at(this.#clock.now() + this.#timeout, () => {
        this.fail(new Error(`the store has not answered for ${this.#timeout / 1000} s`));
      });
      const end = () => {
        stop();
        this.#calls.delete(reject);
      };
      this.#calls.add(reject);
      promise.then(
        (value) => {
          end();
          resolve(value);
        },
        (error: unknown) => {
          end();
          reject(error);
        },
      );
    });
  }

  /** Ends all calls with an error. */
  fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    for (const reject of this.#calls) reject(error);
    this.#calls.clear();
  }
}
