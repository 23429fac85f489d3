/** The number of steps per bound: the horizon moves by one step at a time. */
const steps = 16;

/**
 * Measures the bytes of a stream of events. It finds the members that are further behind than a bound, and keeps no
 * count for each member.
 */
export class Backlog {
  readonly #bound: number;
  /** The positions of the stream at its byte totals, one step apart. */
  readonly #marks: { readonly position: number; readonly total: number }[] = [];
  #total = 0;
  #horizon = 0;

  /** @param bound - The max backlog in bytes; 0 for unlimited. */
  constructor(bound: number) {
    this.#bound = bound;
  }

  /** The horizon: the stream has more bytes after this position than the bound, by at most a sixteenth; 0 for none. */
  get horizon(): number {
    return this.#horizon;
  }

  /** Adds bytes of the stream, up to a position. Returns whether the horizon has moved. */
  add(position: number, bytes: number): boolean {
    if (this.#bound === 0) return false;
    this.#total += bytes;
    const last = this.#marks.at(-1)?.total ?? 0;
    if (this.#total - last >= this.#bound / steps) this.#marks.push({ position, total: this.#total });
    let moved = false;
    while (this.#marks.length > 0 && this.#total - this.#marks[0]!.total > this.#bound) {
      this.#horizon = this.#marks.shift()!.position;
      moved = true;
    }
    return moved;
  }

  /** Resets all counts. */
  clear(): void {
    if (this.#total === 0) return;
    this.#marks.length = 0;
    this.#total = 0;
    this.#horizon = 0;
  }
}
