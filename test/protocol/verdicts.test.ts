import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Verdicts } from "../../src/protocol/verdicts.js";
import { collectGarbage } from "../support/heap.js";

function counting(limit?: number) {
  const evaluated: string[] = [];
  const verdicts = new Verdicts<{ name: string }>((pattern, topic) => {
    evaluated.push(`${pattern.name} on ${topic.slice(0, 10)}`);
    return topic.startsWith(pattern.name);
  }, limit);
  return { verdicts, evaluated };
}

describe("verdicts", () => {
  test("a pattern is evaluated once for a topic", () => {
    const { verdicts, evaluated } = counting();
    const [a, b] = [{ name: "a" }, { name: "b" }];
    for (let i = 0; i < 3; i++) {
      assert.ok(verdicts.of(a, "a/1"));
      assert.ok(!verdicts.of(b, "a/1"));
    }
    assert.deepEqual(evaluated, ["a on a/1", "b on a/1"]);
  });

  // A publisher of ever new topics, or a subscriber of ever new patterns, fills the hub's memory.
  test("never more are kept than the bound, whatever is asked", () => {
    const { verdicts } = counting(10);
    const patterns = Array.from({ length: 25 }, (_, index) => ({ name: `${index}` }));
    for (let topic = 0; topic < 50; topic++) {
      for (const pattern of patterns.slice(0, (topic % 25) + 1)) {
        assert.equal(verdicts.of(pattern, `${topic}`), `${topic}`.startsWith(pattern.name));
        assert.ok(verdicts.size <= 10);
      }
    }
  });

  // A stranger subscribes to large patterns and goes, again and again.
  test("a pattern that nobody has any more is not kept", async () => {
    const { verdicts } = counting();
    const patterns = Array.from({ length: 10 }, (_, index) => ({ name: `${index}` }));
    const references = patterns.map((pattern) => new WeakRef(pattern));
    for (const pattern of patterns) verdicts.of(pattern, "a");
    patterns.length = 0;
    // What a WeakRef was made for stays until the turn ends.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    assert.ok(references.some((reference) => reference.deref() === undefined));
    assert.equal(verdicts.size, 10);
  });

  test("long topics are not kept", () => {
    const { verdicts, evaluated } = counting();
    const pattern = { name: "x" };
    for (let i = 0; i < 2; i++) assert.ok(verdicts.of(pattern, "x".repeat(2_000)));
    assert.equal(verdicts.size, 0);
    assert.equal(evaluated.length, 2);
  });
});
