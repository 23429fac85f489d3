import { validateDraft } from "../../protocol/draft.js";
import type { Draft } from "../../protocol/update.js";
import type { Logger } from "../../shared/logger.js";
import { recordVersion } from "../record-version.js";
import { type Append, type Content, controlOf, type LogRecord } from "../shared/shared-log.js";
import type { InternalOptions } from "../transport.js";
import { original, storable } from "./text.js";

/** The columns of a row that are a draft. */
export const draftColumns = "topics, data, private, id, type, retry, keep, key";

/** A row of the table `log`. Its texts are in storable form. */
export interface LogRow {
  readonly position: string;
  readonly topics: readonly string[] | null;
  readonly data: string;
  readonly private: boolean;
  readonly id: string | null;
  readonly type: string | null;
  readonly retry: number | null;
  readonly keep: boolean | null;
  readonly key: string | null;
  readonly own: InternalOptions | null;
  readonly control: unknown;
  readonly origin: string | null;
  readonly version: number | null;
}

/** Returns the draft with storable texts. */
export function storableDraft(draft: Draft): Draft {
  const { topics, data, id, type, key } = draft;
  return {
    ...draft,
    topics: topics.map(storable),
    data: storable(data),
    ...(id !== undefined && { id: storable(id) }),
    ...(type !== undefined && { type: storable(type) }),
    ...(key !== undefined && { key: storable(key) }),
  };
}

/** Returns the entry of a batch for the function `append` of the schema. */
export function entryOf({ origin, content, repeats }: Append): object {
  if (!("draft" in content)) return { origin, repeats, control: storableControl(content) };
  return { origin, repeats, ...storableDraft(content.draft), own: content.own };
}

function storableControl(content: Exclude<Content, { draft: unknown }>): object {
  if ("gone" in content) return content;
  return {
    ...content,
    changes: content.changes.map(([key, value]) => [storable(key), value === null ? null : storable(value)]),
  };
}

/**
 * Returns the record of a row. SQL can publish updates that the protocol forbids, and every node skips these.
 *
 * @param hubPaths - The paths of the topics that belong to hubs.
 */
export function recordOf(row: LogRow, logger: Logger, hubPaths: ReadonlySet<string>): LogRecord {
  let content = contentOf(row);
  if (row.origin === null && "draft" in content) {
    const complaint = complaintOf(content.draft, hubPaths);
    if (complaint !== undefined) {
      logger.warn(`htmx-mercure: an update from SQL is skipped. ${complaint}`);
      content = { node: "", changes: [] };
    }
  }
  return { position: Number(row.position), origin: row.origin ?? undefined, content };
}

/**
 * Returns the reason why a draft breaks the protocol, or that its topic belongs to a hub; undefined for a valid draft.
 */
export function complaintOf(draft: Draft, hubPaths: ReadonlySet<string>): string | undefined {
  try {
    for (const path of hubPaths) validateDraft(draft, path);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function contentOf(found: LogRow): LogRecord["content"] {
  const { topics, data, id, type, retry, keep, key, own, control, version, ...row } = found;
  if ((version ?? recordVersion) > recordVersion) return { unknown: true };
  if (topics === null) {
    const content = controlOf(control);
    if (!("changes" in content)) return content;
    const changes = content.changes.map(
      ([name, value]) => [original(name), value === null ? null : original(value)] as const,
    );
    return { ...content, changes };
  }
  const draft: Draft = {
    topics: topics.map(original),
    data: original(data),
    private: row.private,
    ...(id !== null && { id: original(id) }),
    ...(type !== null && { type: original(type) }),
    ...(retry !== null && { retry }),
    ...(keep !== null && { keep }),
    ...(key !== null && { key: original(key) }),
  };
  return own === null ? { draft } : { draft, own };
}
