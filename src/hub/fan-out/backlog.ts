/** The horizon moves by this part of the bound at a time. */
const steps = 16;

/** Measures a stream of events, so that it is known who is further behind than a bound without counting for each. */
export class Backlog {
  readonly #bound: number;
  /** Where the stream was when it had so many bytes, a step apart. */
  readonly #marks: { readonly position: number; readonly total: number }[] = [];
  #total = 0;
  #horizon = 0;

  /** @param bound - In bytes; 0 for none. */
  constructor(bound: number) {
    this.#bound = bound;
  }

  /** After this position there are more bytes than the bound, and at most a sixteenth more; 0 for none. */
  get horizon(): number {
    return this.#horizon;
  }

  /** Counts what the stream has got, up to a position. Returns whether the horizon has moved. */
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

  /** Begins anew. */
  clear(): void {
    if (this.#total === 0) return;
    this.#marks.length = 0;
    this.#total = 0;
    this.#horizon = 0;
  }
}
