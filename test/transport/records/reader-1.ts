// Reads a log as nodes of the first version of the records do. Later versions leave this file unchanged: it must
// understand their records, or skip them by their version or kind.

interface Read {
  readonly draft?: unknown;
  readonly own?: unknown;
  readonly control?: unknown;
}

/** Returns undefined for a record that is passed over. */
export function readRedis(fields: Readonly<Record<string, string>>): Read | undefined {
  const { c: content = "", m: more = "null", v: version = 1 } = fields;
  if (Number(version) > 1) return undefined;
  if (content === "") return readControl(JSON.parse(more));
  const [topics, data, isPrivate, type, retry] = JSON.parse(content);
  const { id, keep, key, own } = JSON.parse(more);
  return { draft: draftOf({ topics, data, private: isPrivate === 1, type, retry, id, keep, key }), own };
}

/** @param row - A row of the table `log`, or an entry of a batch for the function `append`. */
export function readPostgres(row: Readonly<Record<string, unknown>>): Read | undefined {
  const { topics, data, type, retry, id, keep, key, own, control, version } = row;
  if (Number(version ?? 1) > 1) return undefined;
  if (control) {
    const { changes, ...rest } = control as { changes?: readonly (readonly (string | null)[])[] };
    return readControl({ ...rest, ...(changes && { changes: changes.map((change) => change.map(textOf)) }) });
  }
  const texts = { data: textOf(data), type: textOf(type), id: textOf(id), key: textOf(key) };
  const draft = { topics: (topics as unknown[]).map(textOf), private: row.private, retry, keep, ...texts };
  return { draft: draftOf(draft), own: own ?? undefined };
}

export function readLmdb(text: string): (Read & { lane: string; until: unknown }) | undefined {
  const [lane, topics, data, isPrivate, id, type, retry, key, until, version = 1] = JSON.parse(text);
  if (version > 1 || !["history", "live", "events", "orders"].includes(lane)) return undefined;
  return { lane, until, draft: draftOf({ topics, data, private: isPrivate === 1, id, type, retry, key }) };
}

function readControl(control: { gone?: unknown; node?: unknown; changes?: unknown } | null): Read | undefined {
  const { gone, node, changes } = control ?? {};
  if (typeof gone === "string") return { control: { gone } };
  return typeof node === "string" && Array.isArray(changes) ? { control: { node, changes } } : undefined;
}

function draftOf(fields: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

function textOf(text: unknown): unknown {
  return typeof text === "string" && text.startsWith("\u0001") ? JSON.parse(text.slice(1)) : text;
}
