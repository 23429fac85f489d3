import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OldestFirstMap } from "../../src/shared/oldest-first-map.js";

test("an empty map has no oldest entry, and can be filled again", () => {
  const map = new OldestFirstMap<string, number>();
  assert.equal(map.shift(), undefined);
  map.set("a", 1);
  assert.deepEqual(map.shift(), ["a", 1]);
  assert.equal(map.shift(), undefined);
  map.set("b", 2);
  assert.deepEqual([...map], [["b", 2]]);
  assert.deepEqual(map.shift(), ["b", 2]);
});

test("the oldest entry is the first that a map lists, after any changes", () => {
  const key = fc.nat(20);
  const step = fc.oneof(
    fc.record({ do: fc.constant("set" as const), key }),
    fc.record({ do: fc.constant("delete" as const), key }),
    fc.record({ do: fc.constant("shift" as const) }),
  );
  const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const map = new OldestFirstMap<number, number>();
    for (const [number, each] of steps.entries()) {
      if (each.do === "set") map.set(each.key, number);
      else if (each.do === "delete") map.delete(each.key);
      else {
        const [first] = map;
        assert.deepEqual(map.shift(), first);
        assert.ok(first === undefined || !map.has(first[0]));
      }
    }
  });
  fc.assert(property);
});
