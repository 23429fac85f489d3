/**
 * Things in the order of their positions: appended at the end, taken from the front, found by binary search.
 */
export class PositionLog<T extends { readonly position: number }> {
  /** What was taken from the front stays as holes before `#start` until they are the larger part. */
  #slots: (T | undefined)[] = [];
  #start = 0;

  get length(): number {
    return this.#slots.length - this.#start;
  }

  get first(): T | undefined {
    return this.#slots[this.#start];
  }

  push(item: T): void {
    this.#slots.push(item);
  }

  shift(): T | undefined {
    const item = this.#slots[this.#start];
    if (item === undefined) return undefined;
    this.#slots[this.#start++] = undefined;
    if (this.#start > 32 && this.#start * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }

  /** Keeps only what passes, in time proportional to the length. */
  retain(keep: (item: T) => boolean): void {
    this.#slots = (this.#slots.slice(this.#start) as T[]).filter(keep);
    this.#start = 0;
  }

  /** What comes after a position. The log must not change meanwhile. */
  *after(position: number): Generator<T, void> {
    let low = this.#start;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#slots[middle]!.position <= position) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < this.#slots.length; index++) yield this.#slots[index]!;
  }
}
