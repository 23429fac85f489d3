/** The max number of updates that are published before the event loop gets a turn. */
const burst = 64;

/** A task that runs once at the end of a turn, however often it was requested. */
export interface EndOfTickTask {
  endTick(): void;
}

/**
 * Runs tasks at the end of a turn of the event loop. The end of a turn follows the network input of that turn before
 * anything else is read. A lone update is thus written without delay, and many updates that arrive together are written
 * together.
 */
export class TickBatch {
  readonly #ends: EndOfTickTask[] = [];
  #published = 0;
  #running = false;
  #next: Promise<void> | undefined;
  #resolveNext: (() => void) | undefined;

  /** Calls back at the end of this turn. */
  onTickEnd(end: EndOfTickTask): void {
    this.#ends.push(end);
    this.#run();
  }

  /**
   * Returns undefined, or a promise of the next turn if much was published in this one. A loop that awaits each publish
   * would otherwise starve the sockets that it publishes to.
   */
  throttle(): Promise<void> | undefined {
    this.#run();
    if (++this.#published <= burst) return undefined;
    this.#next ??= new Promise((resolve) => {
      this.#resolveNext = resolve;
    });
    return this.#next;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => this.#end());
  }

  #end(): void {
    this.#running = false;
    this.#published = 0;
    for (const end of this.#ends.splice(0)) end.endTick();
    this.#resolveNext?.();
    this.#next = undefined;
    this.#resolveNext = undefined;
  }
}
