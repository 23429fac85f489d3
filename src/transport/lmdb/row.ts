import type { Draft, Update } from "../../protocol/update.js";
import { acceptedUpdate } from "../accepted-update.js";
import { recordVersion } from "../record-version.js";
import type { InternalOptions } from "../transport.js";

/**
 * The retention of a row. `history`: a publisher's update. `live`: a publisher's update that history leaves out.
 * `events` and `orders`: the hub's own updates. `unknown`: a row of a newer version, or of a lane that only newer nodes
 * know. Nodes pass over it.
 */
export type Lane = "history" | "live" | InternalOptions["keep"] | "unknown";

/** An update in the log. */
export interface Row {
  readonly lane: Lane;
  readonly draft: Draft;
  /** See `until` in `InternalOptions`. */
  readonly until: number | undefined;
}

type Fields = [
  lane: Lane,
  topics: readonly string[],
  data: string,
  isPrivate: 0 | 1,
  id: string | null,
  type: string | null,
  retry: number | null,
  key: string | null,
  until: number | null,
  version?: number,
];

const lanes: readonly Lane[] = ["history", "live", "events", "orders"];
const unknown: Row = { lane: "unknown", draft: { topics: [], data: "", private: true }, until: undefined };

/** Returns the row of a draft that a transport accepts. The row is independent of later changes to the draft. */
export function rowOf(draft: Draft, own: InternalOptions | undefined): Row {
  const lane = own?.keep ?? (draft.keep === false ? "live" : "history");
  const topics = draft.topics.length === 1 ? draft.topics.slice() : [...new Set(draft.topics)];
  const { data, private: isPrivate, id, type, retry, key } = draft;
  return {
    lane,
    draft: {
      topics,
      data,
      private: isPrivate,
      ...(id !== undefined && { id }),
      ...(type !== undefined && { type }),
      ...(retry !== undefined && { retry }),
      ...(key !== undefined && { key }),
    },
    until: own?.until,
  };
}

/** Returns the text of a row for the store. JSON keeps every string, including one with NUL or a lone surrogate. */
export function encodeRow({ lane, draft, until }: Row): string {
  const { topics, data, private: isPrivate, id = null, type = null, retry = null, key = null } = draft;
  const fields: Fields = [lane, topics, data, isPrivate ? 1 : 0, id, type, retry, key, until ?? null, recordVersion];
  return JSON.stringify(fields);
}

export function decodeRow(text: string): Row {
  const fields = JSON.parse(text) as Fields;
  const [lane, topics, data, isPrivate, id, type, retry, key, until, version = recordVersion] = fields;
  if (version > recordVersion || !lanes.includes(lane)) return unknown;
  return {
    lane,
    draft: {
      topics,
      data,
      private: isPrivate === 1,
      ...(id !== null && { id }),
      ...(type !== null && { type }),
      ...(retry !== null && { retry }),
      ...(key !== null && { key }),
    },
    until: until ?? undefined,
  };
}

/** @param cursor - Returns the id of a position. */
export function updateOf(row: Row, position: number, cursor: (position: number) => string): Update {
  return acceptedUpdate(row.draft, row.draft.id ?? cursor(position));
}

/** Returns the fields of a row that determine its size. */
export function sized({ draft }: Row): Update {
  return draft.id === undefined ? { ...draft, id: "" } : (draft as Update);
}
