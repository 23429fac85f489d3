import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SharedPatterns } from "../../src/protocol/shared-patterns.js";

describe("shared patterns", () => {
  const make = (cost: number) => () => ({ cost });

  // With more patterns than are kept, each subscriber would otherwise get a copy of its own.
  test("are one as long as anybody has them, though they are kept no longer", () => {
    const patterns = new SharedPatterns<{ cost: number }>(100);
    const held = patterns.get("held", make(10));
    for (let i = 0; i < 50; i++) patterns.get(`other ${i}`, make(10));
    assert.equal(
      patterns.get("held", () => assert.fail("compiled again")),
      held,
    );
  });

  // What was ever asked for would otherwise be remembered, large ones above all.
  test("are kept within a bound of what they cost, the latest longest", () => {
    const patterns = new SharedPatterns<{ cost: number }>(100);
    for (let i = 0; i < 1000; i++) {
      patterns.get(`${i}`, make(i % 40));
      patterns.get("0", make(0));
      assert.ok(patterns.keptCost <= 100);
    }
    patterns.get("999", () => assert.fail("compiled again"));
    patterns.get("too large", make(101));
    assert.equal(patterns.keptCost, 0);
  });

  // The same pattern, refused, is sent again and again, and each time it costs as much as the first time.
  test("remember refusals, within a bound", () => {
    const patterns = new SharedPatterns<{ cost: number }>(100);
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

  // Text with braces that is no template costs nothing to match, and ever new ones would fill the memory.
  test("take room by their length when they cost nothing to match", () => {
    const patterns = new SharedPatterns<{ cost: number }>(100);
    for (let i = 0; i < 1000; i++) {
      patterns.get(`${i}`.repeat(20), make(0));
      assert.ok(patterns.keptCost <= 100);
    }
    assert.ok(patterns.keptCost > 90);
  });
});
