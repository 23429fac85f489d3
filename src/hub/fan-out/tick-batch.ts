/** How many updates may be published before the event loop gets a turn. */
const burst = 64;

/** Something that is done once at the end of a turn, however often there was reason to. */
export interface TurnEnd {
  endTurn(): void;
}

/**
 * The turns of the event loop. What comes over the network in one turn is followed by its end before anything else is
 * read, so that a lone update waits for nobody, and many that come at once go out together.
 */
export class Turns {
  readonly #ends: TurnEnd[] = [];
  #published = 0;
  #running = false;
  #next: Promise<void> | undefined;
  #resolveNext: (() => void) | undefined;

  /** Calls back at the end of this turn. */
  atEnd(end: TurnEnd): void {
    this.#ends.push(end);
    this.#run();
  }

  /**
   * Resolves at once, or with the next turn when much was published in this one: a loop that awaits each publish would
   * otherwise starve the very sockets that it publishes to.
   */
  pace(): Promise<void> | undefined {
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
    for (const end of this.#ends.splice(0)) end.endTurn();
    this.#resolveNext?.();
    this.#next = undefined;
    this.#resolveNext = undefined;
  }
}
