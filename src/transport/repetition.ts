import type { Draft, Update } from "../protocol/update.js";

/**
 * Returns whether a draft repeats an update that was accepted under the draft's id. A repetition is a publisher's
 * retry. Other content under the same id is a new update, such as the next state of an entity.
 */
export function isRepetition(draft: Draft, update: Update): boolean {
  return (
    draft.data === update.data &&
    draft.private === update.private &&
    draft.type === update.type &&
    draft.retry === update.retry &&
    haveSameTopics([...new Set(draft.topics)], update.topics)
  );
}

function haveSameTopics(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((topic, index) => topic === b[index]);
}
