import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  compileExact,
  compileSelector,
  compileUrlPattern,
  MatcherList,
} from "../../../src/protocol/matching/matcher.js";
import { matchersOf } from "../../support/matchers-of.js";

describe("topic selectors", () => {
  test("a name matches itself and nothing else", () => {
    const matcher = compileSelector("messages");
    assert.equal(matcher.exact, "messages");
    assert.ok(matcher.matches("messages"));
    assert.ok(!matcher.matches("Messages"));
    assert.ok(!matcher.matches("messages/1"));
    assert.ok(!matcher.matches("*"));
  });

  test("* matches everything, and is found by no map", () => {
    const matcher = compileSelector("*");
    assert.equal(matcher.exact, undefined);
    assert.ok(matcher.matches("messages"));
  });

  test("a URI template matches its expansions, and its own text as tokens write it", () => {
    const matcher = compileSelector("books/{id}");
    assert.equal(matcher.exact, undefined);
    assert.ok(matcher.matches("books/1"));
    assert.ok(matcher.matches("books/{id}"));
    assert.ok(!matcher.matches("books/1/2"));
  });

  test("braces that form an invalid template are a topic's name", () => {
    assert.equal(compileSelector("a {b}").exact, "a {b}");
    assert.equal(compileSelector("{").exact, "{");
  });

  test("equal patterns share one matcher", () => {
    assert.equal(compileSelector("same/{id}"), compileSelector("same/{id}"));
    assert.notEqual(compileUrlPattern("/same/:id", "https://a/"), compileUrlPattern("/same/:id", "https://b/"));
  });

  test("a template that is too large is rejected by name", () => {
    assert.throws(() => compileSelector("{x:9999}"), { code: "ERR_TOPIC", message: /\{x:9999\}/ });
  });

  test("a list separates exact topics from patterns and removes repetitions", () => {
    const list = matchersOf(["a", "b", "a", "*", "*"]);
    assert.deepEqual([...list.exact], ["a", "b"]);
    assert.equal(list.patterns.length, 1);
  });

  test("a list matches everything that one of its matchers matches", () => {
    const list = matchersOf(["a", "b"]);
    assert.ok(list.matchesAny(["x", "b"]));
    assert.ok(!list.matchesAny(["x", "y"]));
    assert.ok(!list.matchesAny([]));
    assert.ok(list.matchesEvery(["a", "b"]));
    assert.ok(!list.matchesEvery(["a", "x"]));
    assert.ok(!matchersOf([]).matches("a"));
  });
});

describe("topic matchers", () => {
  const hubUrl = "https://hub.example/.well-known/mercure";

  test("an exact one matches itself, though it looks like a template or a pattern", () => {
    assert.ok(compileExact("/a/{id}").matches("/a/{id}"));
    assert.ok(!compileExact("/a/{id}").matches("/a/1"));
    assert.equal(compileExact("/a/:id").exact, "/a/:id");
  });

  test("* is the reserved wildcard, whatever the type", () => {
    for (const matcher of [compileExact("*"), compileUrlPattern("*", hubUrl)]) {
      assert.equal(matcher.exact, undefined);
      assert.ok(matcher.matches("http://["));
    }
  });

  test("a malformed URL pattern is rejected by name", () => {
    assert.throws(() => compileUrlPattern("/(a", hubUrl), { code: "ERR_TOPIC", message: /\/\(a/ });
  });

  test("a list keeps each matcher once, and reports its cost", () => {
    const pattern = compileUrlPattern("/a/:id", hubUrl);
    const list = new MatcherList([compileExact("a"), pattern, compileExact("a"), pattern]);
    assert.deepEqual(
      list.all.map(({ type, pattern }) => [type, pattern]),
      [
        ["exact", "a"],
        ["urlpattern", "/a/:id"],
      ],
    );
    assert.equal(list.cost, pattern.cost);
    assert.ok(list.matches("/a/1"));
  });
});
