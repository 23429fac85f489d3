import { isPageHidden } from "./page-visibility.js";
import { reconnectDelay } from "./reconnect-delay.js";

export interface Failure {
  /** The server's `Retry-After`, in milliseconds. */
  readonly retryAfter: number;
  /** The reconnection time that the server has sent, in milliseconds. Default 0. */
  readonly retry?: number | undefined;
  /** Whether the server is down or busy. */
  readonly isOutage: boolean;
}

/** The consecutive failures of a stream or of a renewal. */
export class Failures {
  #count = 0;
  #since = 0;

  /** Forgets the failures after a success. */
  clear(): void {
    this.#count = 0;
  }

  /** Counts a failure. Returns the delay before the next attempt, in milliseconds. */
  add({ retryAfter, retry = 0, isOutage }: Failure): number {
    const now = Date.now();
    if (this.#count === 0) this.#since = now;
    const isUrgent = isOutage && !isPageHidden();
    return reconnectDelay({ retry, retryAfter, before: this.#count++, since: now - this.#since, isUrgent });
  }
}
