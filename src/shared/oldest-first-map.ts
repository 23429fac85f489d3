/**
 * A map that gives up its oldest entry at once. To find it anew each time, an iterator would have to step over all that
 * was deleted from the map's front before.
 */
export class OldestFirstMap<K, V> extends Map<K, V> {
  /** Stands behind the entry that was taken last, so that the oldest comes next. */
  #rest: ReturnType<Map<K, V>["entries"]> | undefined;

  /** Takes out the entry that was added longest ago; undefined when there is none. */
  shift(): [key: K, value: V] | undefined {
    if (this.size === 0) return undefined;
    this.#rest ??= this.entries();
    const oldest = this.#rest.next().value!;
    super.delete(oldest[0]);
    return oldest;
  }

  override delete(key: K): boolean {
    const isDeleted = super.delete(key);
    // A map whose entries come and go moves from table to table, and an iterator that rests keeps them all.
    if (isDeleted) this.#rest = undefined;
    return isDeleted;
  }

  override clear(): void {
    super.clear();
    this.#rest = undefined;
  }
}
