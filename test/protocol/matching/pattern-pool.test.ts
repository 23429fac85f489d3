import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { PatternPool } from "../../../src/protocol/matching/pattern-pool.js";
import { collectGarbage } from "../../support/heap.js";

/** The keys whose patterns the pool still has after a garbage collection, when nothing else uses them. */
async function retained(patterns: PatternPool<{ cost: number }>, keys: readonly string[]): Promise<string[]> {
  // A weak reference holds its object until the present job of the event loop ends.
  await setImmediate();
  collectGarbage();
  const missing = new Error("missing");
  return keys.filter((key) => {
    try {
      patterns.get(key, () => {
        throw missing;
      });
      return true;
    } catch (error) {
      assert.equal(error, missing);
      return false;
    }
  });
}

describe("shared patterns", () => {
  const make = (cost: number) => () => ({ cost });

  // With more patterns than the cache holds, each subscriber would get a copy of its own.
  test("are shared as long as a subscriber holds them, even after their eviction", () => {
    const patterns = new PatternPool<{ cost: number }>(100);
    const held = patterns.get("held", make(10));
    for (let i = 0; i < 50; i++) patterns.get(`other ${i}`, make(10));
    assert.equal(
      patterns.get("held", () => assert.fail("compiled again")),
      held,
    );
  });

  // Without a bound, the cache keeps every pattern ever requested, large ones above all.
  test("are cached within a bound on their cost, the latest longest", async () => {
    const patterns = new PatternPool<{ cost: number }>(100);
    const keys = Array.from({ length: 1000 }, (_, i) => `${i}`);
    for (const [i, key] of keys.entries()) {
      patterns.get(key, make(i % 40));
      patterns.get("0", make(0));
    }
    // They weigh 1, 38 and 39. The next one, of 37, would exceed the bound.
    assert.deepEqual(await retained(patterns, keys), ["0", "998", "999"]);
    patterns.get("too large", make(101));
    assert.deepEqual(await retained(patterns, [...keys, "too large"]), []);
  });

  // An attacker sends the same rejected pattern again and again, and each time costs as much as the first.
  test("cache rejections, within a bound", () => {
    const patterns = new PatternPool<{ cost: number }>(100);
    let attempts = 0;
    const refuse = (key: string) => {
      assert.throws(
        () =>
          patterns.get(key, () => {
            attempts++;
            throw new Error(key);
          }),
        new Error(key),
      );
    };
    for (let i = 0; i < 3; i++) refuse("bad");
    assert.equal(attempts, 1);
    for (let i = 0; i < 600; i++) refuse(`other ${i}`);
    refuse("bad");
    assert.equal(attempts, 602);
  });

  // Text with braces that form an invalid template costs nothing to match, and many new texts would fill the memory.
  test("count by their length when they cost nothing to match", async () => {
    const patterns = new PatternPool<{ cost: number }>(100);
    const keys = Array.from({ length: 1000 }, (_, i) => `${i}`.repeat(20));
    for (const key of keys) patterns.get(key, make(0));
    // Each of the last has 60 characters, which weigh as much as 4 instructions.
    assert.deepEqual(await retained(patterns, keys), keys.slice(-25));
  });
});
