import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { decodeNode, encodeNode } from "../../../src/hub/nodes/node-record.js";
import { decodeStream, encodeStream } from "../../../src/hub/nodes/stream-record.js";
import { decodeRow, encodeRow, rowOf } from "../../../src/transport/lmdb/row.js";
import { entryOf, type LogRow, recordOf } from "../../../src/transport/postgres/rows.js";
import { decodeRecord, encodeContent } from "../../../src/transport/redis/record-codec.js";
import type { Content, LogRecord } from "../../../src/transport/shared/shared-log.js";
import { readLmdb, readPostgres, readRedis } from "./reader-1.js";
import { entries, samples } from "./samples.js";

type RedisEntry = [id: string, fields: string[]];

/** The records of the first version, as the stores held them. */
const frozen = JSON.parse(readFileSync(new URL("version-1.json", import.meta.url), "utf8")) as {
  readonly redis: { readonly records: RedisEntry[] };
  readonly lmdb: { readonly log: string[]; readonly entries: [string, string, string][] };
  readonly postgres: { readonly log: LogRow[] };
};
const logger = { warn: () => assert.fail("skipped"), error: () => {} };
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

/** Returns the updates and the changes of entries in records. */
function contentOf(records: readonly LogRecord[]) {
  const contents = records.map(({ content }) => content);
  const updates = contents.flatMap((content) =>
    "draft" in content && content.draft.topics[0] !== "wait" ? [plain([content.draft, content.own])] : [],
  );
  const changes = contents.flatMap((content) => ("changes" in content ? content.changes : []));
  return { updates, changes };
}
const expected = { updates: samples.map(([draft, own]) => plain([draft, own])), changes: entries };
const contents: Content[] = [
  ...samples.map(([draft, own]) => (own === undefined ? { draft } : { draft, own })),
  { node: "a", changes: entries },
  { gone: "b" },
];
/** Returns the result of a reader of the first version. */
const readOf = (content: Content) => plain("draft" in content ? content : { control: content });

describe("nodes of this version", () => {
  test("read the records of the first version from Redis, PostgreSQL and LMDB", () => {
    assert.deepEqual(contentOf(frozen.redis.records.map(decodeRecord)), expected);
    assert.deepEqual(contentOf(frozen.postgres.log.map((row) => recordOf(row, logger, new Set()))), expected);
    const held = samples.filter(([{ keep }]) => keep !== false);
    assert.deepEqual(
      frozen.lmdb.log.map(decodeRow),
      held.map(([draft, own]) => rowOf(draft, own)),
    );
  });

  test("read records without a version, and ignore fields that they do not know", () => {
    const redis = frozen.redis.records.map(([id, fields]): RedisEntry => [id, ["new", "x", ...fields.slice(0, 6)]]);
    assert.deepEqual(contentOf(redis.map(decodeRecord)), expected);
    const postgres = frozen.postgres.log.map((row) => ({ ...row, version: null, more: 1 }));
    assert.deepEqual(contentOf(postgres.map((row) => recordOf(row, logger, new Set()))), expected);
    for (const text of frozen.lmdb.log) {
      const fields = JSON.parse(text) as unknown[];
      assert.deepEqual(decodeRow(JSON.stringify(fields.slice(0, 9))), decodeRow(text));
      assert.deepEqual(decodeRow(JSON.stringify([...fields, "more"])), decodeRow(text));
    }
  });

  test("write records that nodes of the first version read", () => {
    for (const content of contents) {
      const { content: text, own } = encodeContent(content);
      assert.deepEqual(plain(readRedis({ c: text, m: own })), readOf(content));
      const entry = entryOf({ origin: "a 1", repeats: 0, content });
      assert.deepEqual(plain(readPostgres(plain(entry))), readOf(content));
    }
    for (const [draft, own] of samples) {
      const row = rowOf(draft, own);
      const { lane, until, draft: read } = readLmdb(encodeRow(row))!;
      assert.deepEqual({ lane, until: until ?? undefined, draft: read }, row);
    }
  });

  test("pass over records of a newer version, and of kinds that they do not know", () => {
    const unknown = { unknown: true };
    const [id, fields] = frozen.redis.records[0]!;
    const redis = (...changed: string[]) => decodeRecord([id, [...fields, ...changed]]).content;
    assert.deepEqual(redis("v", "2"), unknown);
    for (const control of ['{"moved":"a"}', "null", '{"node":"a"}', "[1]"])
      assert.deepEqual(redis("c", "", "m", control), unknown);
    const row = frozen.postgres.log[0]!;
    const postgres = (changed: object) => recordOf({ ...row, ...changed }, logger, new Set()).content;
    assert.deepEqual(postgres({ version: 2 }), unknown);
    for (const control of [{ moved: "a" }, null, [1]]) assert.deepEqual(postgres({ topics: null, control }), unknown);
    const [text] = frozen.lmdb.log as [string];
    assert.equal(decodeRow(text.replace(/1\]$/, "2]")).lane, "unknown");
    assert.equal(decodeRow(text.replace("history", "future")).lane, "unknown");
  });

  test("read and write the announcements of nodes and streams of the first version", () => {
    const [, [key, text]] = entries as unknown as [unknown, [string, string]];
    const stream = decodeStream(key.slice(2), text)!;
    assert.deepEqual(stream, {
      subscriber: "0b9a4c1e-7a43-4d3c-9a8e-6d2d9f5e1a10",
      state: "open",
      start: 7,
      subject: "ada",
      selectors: [
        { selector: { text: "a" }, isPrivate: true, payload: { name: "Ada" } },
        { selector: { text: "/:b", matchType: "urlpattern" }, isPrivate: false, payload: undefined },
      ],
    });
    assert.equal(encodeStream(stream), text);
    assert.deepEqual(decodeStream("1", text.replace(/\]$/, ',"more"]')), { ...stream, subscriber: "1" });
    const ended = { ...stream, state: "ended", of: "a node" } as const;
    assert.deepEqual(decodeStream(stream.subscriber, encodeStream(ended)), ended);
    assert.equal(decodeStream("1", text.replace("[1", "[2")), undefined);
    assert.deepEqual(decodeNode("[1,7]"), { executed: 7, isDraining: false, life: 0 });
    assert.equal(encodeNode({ executed: 7, isDraining: false, life: 0 }), "[1,7,0,0]");
    for (const [isDraining, life] of [
      [true, 0],
      [false, 2],
      [true, 2],
    ] as const) {
      const node = { executed: 7, isDraining, life };
      assert.deepEqual(decodeNode(encodeNode(node)), node);
    }
    assert.deepEqual(decodeNode('[1,7,1,2,"more"]'), { executed: 7, isDraining: true, life: 2 });
    assert.equal(decodeNode("[2,{}]").executed, Number.POSITIVE_INFINITY, "nobody waits for it");
  });
});
