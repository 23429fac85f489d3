import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeOf } from "../../../src/transport/history/size-of.js";
import { RecentRows } from "../../../src/transport/lmdb/recent-rows.js";

const megabyte = 1024 * 1024;

test("Recent rows stay in memory up to 8 MiB, and never more than 16 MiB of them", () => {
  const update = { topics: ["a"], data: "x".repeat(1000), private: false, id: "1" };
  const rows = new RecentRows();
  const size = sizeOf(update);
  const count = Math.ceil((100 * megabyte) / size);
  for (let position = 1; position <= count; position++) rows.add({ position, update });
  const held = Array.from({ length: count }, (_, index) => rows.get(index + 1)).filter((row) => row !== undefined);
  assert.deepEqual(
    held.map(({ position }) => position),
    Array.from({ length: held.length }, (_, index) => count - held.length + 1 + index),
  );
  assert.ok(held.length * size >= 8 * megabyte, `${held.length} rows`);
  assert.ok(held.length * size <= 16 * megabyte + 2 * size, `${held.length} rows`);
});

test("Recent rows leave out a row without an update", () => {
  const rows = new RecentRows();
  rows.add({ position: 1 });
  assert.equal(rows.get(1), undefined);
});
