/**
 * A map that removes its oldest entry in constant time. A new iterator for each removal would have to step over all the
 * deleted entries at the map's front.
 */
export class OldestFirstMap<K, V> extends Map<K, V> {
  /** The iterator behind the entry removed last, so that the oldest entry comes next. */
  #rest: ReturnType<Map<K, V>["entries"]> | undefined;

  /** Removes and returns the oldest entry; undefined for an empty map. */
  shift(): [key: K, value: V] | undefined {
    if (this.size === 0) return undefined;
    this.#rest ??= this.entries();
    const oldest = this.#rest.next().value!;
    super.delete(oldest[0]);
    return oldest;
  }

  override delete(key: K): boolean {
    const isDeleted = super.delete(key);
    // A resting iterator would keep all the hash tables that a changing map has outgrown.
    if (isDeleted) this.#rest = undefined;
    return isDeleted;
  }

  override clear(): void {
    super.clear();
    this.#rest = undefined;
  }
}
