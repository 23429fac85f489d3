import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MatchCache } from "../../../src/protocol/matching/match-cache.js";

function counting(limit?: number) {
  const evaluated: string[] = [];
  let patterns = 0;
  const pattern = (name: string) => ({
    id: patterns++,
    name,
    matches(topic: string) {
      evaluated.push(`${name} on ${topic.slice(0, 10)}`);
      return topic.startsWith(name);
    },
  });
  return { cache: new MatchCache(limit), pattern, evaluated };
}

describe("the cache of matches", () => {
  test("evaluates a pattern once for a topic", () => {
    const { cache, pattern, evaluated } = counting();
    const [a, b] = [pattern("a"), pattern("b")];
    for (let i = 0; i < 3; i++) {
      assert.ok(cache.of(a, "a/1"));
      assert.ok(!cache.of(b, "a/1"));
    }
    assert.deepEqual(evaluated, ["a on a/1", "b on a/1"]);
  });

  // A publisher of many new topics, or a subscriber of many new patterns, fills the hub's memory.
  test("stays within its max of results, whatever is asked", () => {
    const { cache, pattern, evaluated } = counting(10);
    const patterns = Array.from({ length: 25 }, (_, index) => pattern(`${index}`));
    const asked: (() => boolean)[] = [];
    for (let topic = 0; topic < 50; topic++) {
      for (const pattern of patterns.slice(0, (topic % 25) + 1)) {
        const ask = () => cache.of(pattern, `${topic}`);
        assert.equal(ask(), `${topic}`.startsWith(pattern.name));
        asked.push(ask);
      }
    }
    const before = evaluated.length;
    for (const ask of asked.reverse()) ask();
    assert.ok(evaluated.length - before >= asked.length - 10);
  });

  test("leaves long topics out", () => {
    const { cache, pattern, evaluated } = counting();
    const x = pattern("x");
    for (let i = 0; i < 2; i++) assert.ok(cache.of(x, "x".repeat(2_000)));
    assert.equal(evaluated.length, 2);
  });

  // A client names new long topics again and again: few results, much memory.
  test("keeps topics in bounded memory, and forgets the oldest", () => {
    const { cache, pattern, evaluated } = counting();
    const a = pattern("a");
    const topics = Array.from({ length: 20_000 }, (_, i) => `${i}`.padEnd(1000, "x"));
    for (const topic of topics) cache.of(a, topic);
    const before = evaluated.length;
    for (const topic of topics.reverse()) cache.of(a, topic);
    const remembered = topics.length - (evaluated.length - before);
    assert.ok(remembered > 7_900 && remembered <= 8_001, `${remembered}`);
  });
});
