import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileSelector, MatcherList } from "../../src/protocol/matcher.js";

describe("topic selectors", () => {
  test("a name matches itself and nothing else", () => {
    const matcher = compileSelector("messages");
    assert.equal(matcher.exact, "messages");
    assert.ok(matcher.matches("messages"));
    assert.ok(!matcher.matches("Messages"));
    assert.ok(!matcher.matches("messages/1"));
    assert.ok(!matcher.matches("*"));
  });

  test("* matches everything, and no map can find it", () => {
    const matcher = compileSelector("*");
    assert.equal(matcher.exact, undefined);
    assert.ok(matcher.matches("messages"));
  });

  test("a list tells exact topics from patterns and forgets repetitions", () => {
    const list = MatcherList.ofSelectors(["a", "b", "a", "*", "*"]);
    assert.deepEqual([...list.exact], ["a", "b"]);
    assert.equal(list.patterns.length, 1);
  });

  test("a list matches what any of its matchers matches", () => {
    const list = MatcherList.ofSelectors(["a", "b"]);
    assert.ok(list.matchesAny(["x", "b"]));
    assert.ok(!list.matchesAny(["x", "y"]));
    assert.ok(!list.matchesAny([]));
    assert.ok(list.matchesEvery(["a", "b"]));
    assert.ok(!list.matchesEvery(["a", "x"]));
    assert.ok(!MatcherList.ofSelectors([]).matches("a"));
  });
});
