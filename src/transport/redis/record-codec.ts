import type { Draft } from "../../protocol/update.js";
import { recordVersion } from "../record-version.js";
import { type Content, controlOf, type LogRecord, type UnknownContent } from "../shared/shared-log.js";
import type { InternalOptions } from "../transport.js";

/** A record as Redis holds it. */
export interface EncodedContent {
  /** The part of an update that its repetitions share. Empty for a record without an update. */
  readonly content: string;
  readonly own: string;
  /** The publisher's id in an unambiguous form. Empty without one. */
  readonly id: string;
  /** Keys and values of a node's entries; an empty value removes the entry. */
  readonly changes: readonly string[];
}

type Fields = readonly [
  topics: readonly string[],
  data: string,
  isPrivate: 0 | 1,
  type: string | null,
  retry: number | null,
];
type Own = Pick<Draft, "id" | "keep" | "key"> & { readonly own?: InternalOptions };

/** Encodes a record. JSON can hold NUL and lone surrogates, while a text in Redis cannot. */
export function encodeContent(record: Content): EncodedContent {
  if (!("draft" in record)) {
    const changes =
      "changes" in record ? record.changes.flatMap(([key, value]) => [encodeEntry(key), encodeValue(value)]) : [];
    return { content: "", own: JSON.stringify(record), id: "", changes };
  }
  const { topics, data, private: isPrivate, type, retry, id, keep, key } = record.draft;
  const fields: Fields = [topics, data, isPrivate ? 1 : 0, type ?? null, retry ?? null];
  const own = JSON.stringify({ id, keep, key, own: record.own });
  return { content: JSON.stringify(fields), own, id: encodeId(id), changes: [] };
}

export function encodeId(id: string | undefined): string {
  return id === undefined ? "" : JSON.stringify(id);
}

function encodeEntry(key: string): string {
  return JSON.stringify(key);
}

function encodeValue(value: string | null): string {
  return value === null ? "" : JSON.stringify(value);
}

/** @param entry - An entry of a stream: `[id, [name, value, …]]`. */
export function decodeRecord([streamId, values]: readonly [string, readonly string[]]): LogRecord {
  const fields: Record<string, string | undefined> = {};
  for (let i = 0; i < values.length; i += 2) fields[values[i]!] = values[i + 1];
  const { o: origin, c: content = "", m: own = "null", v: version = recordVersion } = fields;
  const position = Number(streamId.slice(0, streamId.indexOf("-")));
  const isKnown = Number(version) <= recordVersion;
  return { position, origin: origin || undefined, content: isKnown ? decodeContent(content, own) : { unknown: true } };
}

function decodeContent(content: string, ownText: string): Content | UnknownContent {
  if (content === "") return controlOf(JSON.parse(ownText));
  const [topics, data, isPrivate, type, retry] = JSON.parse(content) as Fields;
  const { own, id, keep, key } = JSON.parse(ownText) as Own;
  const draft: Draft = {
    topics,
    data,
    private: isPrivate === 1,
    ...(id !== undefined && { id }),
    ...(keep !== undefined && { keep }),
    ...(key !== undefined && { key }),
    ...(type !== null && { type }),
    ...(retry !== null && { retry }),
  };
  return own === undefined ? { draft } : { draft, own };
}
