/** The min number of origins that are remembered: more than all nodes can have under way when a log loses its end. */
const capacity = 20_000;

/**
 * Remembers the appends whose records this node has heard. A log can lose a record that some nodes have read and its
 * writer has not, who then sends it again.
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
