/** How many updates may be published before the event loop gets a turn. */
const burst = 64;

/** Counts turns of the event loop: within one, no socket can drain. */
export class Turns {
  #current = 0;
  #published = 0;
  #next: Promise<void> | undefined;

  get current(): number {
    this.#await();
    return this.#current;
  }

  /**
   * Resolves at once, or with the next turn when much was published in this one: a loop that awaits each publish would
   * otherwise starve the very sockets that it publishes to.
   */
  async pace(): Promise<void> {
    const next = this.#await();
    if (++this.#published > burst) await next;
  }

  #await(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#current++;
        this.#published = 0;
        this.#next = undefined;
        resolve();
      });
    });
    return this.#next;
  }
}
