/** A queue of items in the order of their positions, with binary search. */
export class PositionLog<T extends { readonly position: number }> {
  /** The items, from `#start` on. The slots before it are empty, and removed once they are the majority. */
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

  /** Removes an item, in time proportional to the number of items after it. */
  delete({ position }: T): void {
    const index = this.#indexAfter(position) - 1;
    if (index < this.#start || this.#slots[index]!.position !== position) return;
    if (index === this.#start) this.shift();
    else this.#slots.splice(index, 1);
  }

  /** Removes the items that fail a test, in time proportional to the length. */
  retain(keep: (item: T) => boolean): void {
    this.#slots = (this.#slots.slice(this.#start) as T[]).filter(keep);
    this.#start = 0;
  }

  /** Yields the items after a position. The log must not change meanwhile. */
  *after(position: number): Generator<T, void> {
    for (let index = this.#indexAfter(position); index < this.#slots.length; index++) yield this.#slots[index]!;
  }

  /** Returns the index of the first slot after a position. */
  #indexAfter(position: number): number {
    let low = this.#start;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#slots[middle]!.position <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
