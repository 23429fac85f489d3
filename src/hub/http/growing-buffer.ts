const firstCapacity = 1024;

/**
 * Collects bytes in one buffer. A list of parts would take many times their length when a client sends single bytes.
 */
export class GrowingBuffer {
  readonly #limit: number;
  readonly #onGrowth: (bytes: number) => void;
  #buffer = Buffer.alloc(0);
  #length = 0;

  /**
   * @param limit - The max length, which the caller enforces.
   * @param onGrowth - Called before the buffer grows by `bytes`.
   */
  constructor(limit: number, onGrowth: (bytes: number) => void) {
    this.#limit = limit;
    this.#onGrowth = onGrowth;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  append(part: Buffer): void {
    const needed = this.#length + part.length;
    if (needed > this.#buffer.length) this.#grow(Math.min(this.#limit, Math.max(firstCapacity, needed * 2)));
    part.copy(this.#buffer, this.#length);
    this.#length = needed;
  }

  #grow(capacity: number): void {
    this.#onGrowth(capacity - this.#buffer.length);
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
