import type { Draft, Update } from "../../protocol/update.js";

/** A draft as it was accepted, whatever becomes of it afterwards. */
export function acceptedUpdate({ topics, data, private: isPrivate, type, retry }: Draft, id: string): Update {
  // Field by field: to freeze a copy made by spreading takes many times as long.
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
