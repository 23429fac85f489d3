import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PatternPool } from "../../../src/protocol/matching/pattern-pool.js";

describe("shared patterns", () => {
  const make = (cost: number) => () => ({ cost });

  // With more patterns than the cache holds, each subscriber would get a copy of its own.
  test("are shared as long as a subscriber holds them, also after their eviction", () => {
    const patterns = new PatternPool<{ cost: number }>(100);
    const held = patterns.get("held", make(10));
    for (let i = 0; i < 50; i++) patterns.get(`other ${i}`, make(10));
    assert.equal(
      patterns.get("held", () => assert.fail("compiled again")),
      held,
    );
  });

  // Without a bound, the cache keeps every pattern ever requested, large ones above all.
  test("are cached within a bound on their cost, the latest longest", () => {
    const patterns = new PatternPool<{ cost: number }>(100);
    for (let i = 0; i < 1000; i++) {
      patterns.get(`${i}`, make(i % 40));
      patterns.get("0", make(0));
      assert.ok(patterns.keptCost <= 100);
    }
    patterns.get("999", () => assert.fail("compiled again"));
    patterns.get("too large", make(101));
    assert.equal(patterns.keptCost, 0);
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

  // Text with braces that form an invalid template costs nothing to match, and ever new texts would fill the memory.
  test("count by their length when they cost nothing to match", () => {
    const patterns = new PatternPool<{ cost: number }>(100);
    for (let i = 0; i < 1000; i++) {
      patterns.get(`${i}`.repeat(20), make(0));
      assert.ok(patterns.keptCost <= 100);
    }
    assert.ok(patterns.keptCost > 90);
  });
});
