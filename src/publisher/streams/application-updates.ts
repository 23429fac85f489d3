import { nameOf } from "../../protocol/carried-name.js";
import type { Update } from "../../protocol/update.js";

/** Returns an iterator over updates whose topics have the names that the application wrote. */
export function applicationUpdates(updates: AsyncIterableIterator<Update>): AsyncIterableIterator<Update> {
  return {
    next: async () => named(await updates.next()),
    return: async () => named(await updates.return!()),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function named({ done, value }: IteratorResult<Update>): IteratorResult<Update> {
  if (done) return { done, value };
  const topics = value.topics.map(nameOf);
  return {
    done: false,
    value: topics.every((topic, index) => topic === value.topics[index]) ? value : { ...value, topics },
  };
}
