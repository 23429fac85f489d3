import type { Client } from "pg";
import { settledWithin } from "../../shared/settled-within.js";

/** The max time until the database announces a text that this node has sent, in milliseconds. */
const maxDelay = 1000;

/** The max pause between two readings, in milliseconds. */
const maxWait = 2000;

/**
 * Waits for the database to announce new records by NOTIFY. A pooler between node and database can drop LISTEN without
 * an error. A node therefore also announces texts of its own: if they do not come back, it polls.
 */
export class Announcements {
  readonly #channel: string;
  readonly #pollInterval: number;
  readonly #waiting = new Set<() => void>();
  /** The newest position announced since the last reading began. */
  #newest = Infinity;
  #areHeard = false;
  /** The last text that this node has sent. */
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
      else this.announce(/^\d+$/.test(payload) ? Number(payload) : Infinity);
    });
    await client.query(`listen ${this.#channel}`);
  }

  /**
   * Finds out whether announcements arrive.
   *
   * @param notify - Sends a text by another connection. A pooler can deliver to a connection its own notifications
   * only.
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
    this.announce(Infinity);
  }

  /**
   * Notes that there may be new records.
   *
   * @param position - The newest of them. Infinity if it is unknown.
   */
  announce(position: number): void {
    this.#newest = Math.max(this.#newest, position);
    for (const wake of this.#waiting) wake();
  }

  /**
   * Called before a reading. The reading finds all records announced before it. Later announcements need another one.
   */
  beginReading(): void {
    this.#newest = 0;
  }

  /**
   * Resolves when there may be new records.
   *
   * @param head - The newest position that the reader knows.
   */
  async wait(head: number): Promise<void> {
    if (this.#newest > head) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        if (this.#newest <= head) return;
        end();
      };
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(end, this.#areHeard ? maxWait : this.#pollInterval);
      this.#waiting.add(wake);
    });
  }
}
