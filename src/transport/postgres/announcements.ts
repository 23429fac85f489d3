import type { Client } from "pg";
import { settledWithin } from "../../shared/settled-within.js";

/** The max time until the database announces a text that this node has sent, in milliseconds. */
const maxDelay = 1000;

/** The max pause between two readings, in milliseconds. */
const maxWait = 2000;

/**
 * Waits for the database to announce new records by NOTIFY. A pooler between can swallow LISTEN without an error, so a
 * node also announces texts of its own: if they do not come back, it polls.
 */
export class Announcements {
  readonly #channel: string;
  readonly #pollInterval: number;
  readonly #waiting = new Set<() => void>();
  #hasNews = true;
  #areHeard = false;
  /** The text that this node has sent last. */
  #sent = "";
  #count = 0;
  #onReturn: (() => void) | undefined;

  /** @param pollInterval - The pause between two readings when the database announces nothing, in milliseconds. */
  constructor(channel: string, pollInterval: number) {
    this.#channel = channel;
    this.#pollInterval = pollInterval;
  }

  /** Whether announcements arrive. */
  get areHeard(): boolean {
    return this.#areHeard;
  }

  async listen(client: Client): Promise<void> {
    client.on("notification", ({ payload = "" }) => {
      if (payload === this.#sent) this.#onReturn?.();
      else this.announce();
    });
    await client.query(`listen ${this.#channel}`);
  }

  /**
   * Finds out whether announcements arrive.
   *
   * @param notify - Sends a text by another connection. A pooler can deliver to a connection its own notifications only.
   */
  async check(node: string, notify: (values: readonly string[]) => Promise<unknown>): Promise<void> {
    this.#sent = `${node} ${++this.#count}`;
    let hasReturned = false;
    const returned = new Promise<void>((resolve) => {
      this.#onReturn = () => {
        hasReturned = true;
        resolve();
      };
    });
    await notify([this.#channel, this.#sent]);
    await settledWithin(returned, maxDelay);
    this.#areHeard = hasReturned;
    this.announce();
  }

  /** Notes that there may be new records. */
  announce(): void {
    this.#hasNews = true;
    for (const wake of this.#waiting) wake();
  }

  /** Called before a reading: an announcement after it needs another one. */
  beginReading(): void {
    this.#hasNews = false;
  }

  /** Resolves when there may be new records. */
  async wait(): Promise<void> {
    if (this.#hasNews) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, this.#areHeard ? maxWait : this.#pollInterval);
      this.#waiting.add(wake);
    });
  }
}
