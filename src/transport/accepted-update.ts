import type { Draft, Update } from "../protocol/update.js";

/** Returns a frozen copy of a draft, independent of later changes to the draft. */
export function acceptedUpdate({ topics, data, private: isPrivate, type, retry }: Draft, id: string): Update {
  // Copying field by field: freezing a copy made by spreading takes many times as long.
  const update: { -readonly [Field in keyof Update]: Update[Field] } = {
    topics: Object.freeze(topics.length === 1 ? topics.slice() : [...new Set(topics)]),
    data,
    private: isPrivate,
    id,
  };
  if (type !== undefined) update.type = type;
  if (retry !== undefined) update.retry = retry;
  return Object.freeze(update);
}
