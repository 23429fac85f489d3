/** The min number of remembered origins. All nodes together have fewer appends under way when a log loses its end. */
const capacity = 20_000;

/**
 * Remembers the appends whose records this node has received. A log can lose a record that some nodes have read and its
 * writer has not. The writer then sends the record again.
 */
export class RecentOrigins {
  #newer = new Set<string>();
  #older = new Set<string>();

  /** Adds an origin. Returns false if it is known. */
  add(origin: string): boolean {
    if (this.#newer.has(origin) || this.#older.has(origin)) return false;
    this.#newer.add(origin);
    if (this.#newer.size >= capacity) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    return true;
  }
}
