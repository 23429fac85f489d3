/** A log that yields its items after a position, oldest first. */
export interface SortedLog<T> {
  after(position: number): Iterator<T, void>;
}

/**
 * Yields the items after a position in several logs, oldest first, each once. Its time grows with the items taken, not
 * with the length of the logs. The logs must not change meanwhile.
 */
export function* mergeLogs<T extends { readonly position: number }>(
  logs: readonly SortedLog<T>[],
  after: number,
): Generator<T, void> {
  const heads = new Heap<T>();
  for (const log of logs) heads.put(log.after(after));
  let last = after;
  for (let item = heads.take(); item !== undefined; item = heads.take()) {
    if (item.position === last) continue;
    last = item.position;
    yield item;
  }
}

interface Head<T> {
  item: T;
  readonly rest: Iterator<T, void>;
}

/** A binary heap of iterators, ordered by the position of their next item. */
class Heap<T extends { readonly position: number }> {
  readonly #heads: Head<T>[] = [];

  put(rest: Iterator<T, void>): void {
    const { value } = rest.next();
    if (value === undefined) return;
    const heads = this.#heads;
    let index = heads.push({ item: value, rest }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heads[parent]!.item.position <= heads[index]!.item.position) break;
      [heads[parent], heads[index]] = [heads[index]!, heads[parent]!];
      index = parent;
    }
  }

  take(): T | undefined {
    const heads = this.#heads;
    const first = heads[0];
    if (first === undefined) return undefined;
    const { item } = first;
    const { value } = first.rest.next();
    if (value !== undefined) first.item = value;
    else {
      const last = heads.pop()!;
      if (heads.length > 0) heads[0] = last;
    }
    this.#sink();
    return item;
  }

  #sink(): void {
    const heads = this.#heads;
    for (let index = 0; ; ) {
      const left = 2 * index + 1;
      if (left >= heads.length) return;
      const right = left + 1;
      const child = right < heads.length && heads[right]!.item.position < heads[left]!.item.position ? right : left;
      if (heads[index]!.item.position <= heads[child]!.item.position) return;
      [heads[index], heads[child]] = [heads[child]!, heads[index]!];
      index = child;
    }
  }
}
