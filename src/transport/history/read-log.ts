import type { Replay, ReplayQuery, StoredUpdate } from "../transport.js";

/**
 * Selects the updates of a query from a log.
 *
 * @param log - The updates after the query's position, oldest first.
 * @param head - The newest position of all.
 */
export function readLog(log: Iterable<StoredUpdate>, lostThrough: number, query: ReplayQuery, head: number): Replay {
  const { topics, after, limit = Number.POSITIVE_INFINITY, maxUpdates = Number.POSITIVE_INFINITY } = query;
  const updates: StoredUpdate[] = [];
  let size = 0;
  let looked = 0;
  let through = after;
  for (const stored of log) {
    if (size > limit || looked === maxUpdates) return { updates, lostThrough, through };
    const { position, update } = stored;
    looked++;
    through = position;
    if (query.private === false && update.private) continue;
    if (topics !== "*" && !update.topics.some((topic) => topics.has(topic))) continue;
    updates.push(stored);
    size += update.data.length;
  }
  return { updates, lostThrough, through: Math.max(after, head) };
}

/** Merges two parts of one history, up to the position that both have considered. */
export function mergeReplays(a: Replay, b: Replay): Replay {
  const through = Math.min(a.through, b.through);
  const updates = [...a.updates, ...b.updates]
    .filter(({ position }) => position <= through)
    .sort((one, other) => one.position - other.position);
  return { updates, lostThrough: Math.max(a.lostThrough, b.lostThrough), through };
}
