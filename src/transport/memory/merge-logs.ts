import type { PositionLog } from "./position-log.js";

/**
 * Yields what comes after a position in any of several logs, oldest first, each thing once. It takes time for what is
 * taken, and not for what the logs hold. The logs must not change meanwhile.
 */
export function* mergeLogs<T extends { readonly position: number }>(
  logs: readonly PositionLog<T>[],
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

/** A binary heap of iterators by the positions of what they yield next. */
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
