import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PatternIndex } from "../../../src/hub/fan-out/pattern-index.js";
import { compileSelector, compileUrlPattern, type Matcher } from "../../../src/protocol/matching/matcher.js";

/** A pattern that counts how often it is evaluated. */
function counting(selector: string): { pattern: Matcher; evaluated: () => number } {
  const matcher = compileSelector(selector);
  let evaluations = 0;
  const matches = (topic: string) => {
    evaluations++;
    return matcher.matches(topic);
  };
  return { pattern: { ...matcher, matches }, evaluated: () => evaluations };
}

function found(routes: PatternIndex<string>, topic: string): string[] {
  const recipients: string[] = [];
  routes.forEach(topic, (recipient) => recipients.push(recipient));
  return recipients.sort();
}

describe("routes by pattern", () => {
  test("lead to every subscriber with a matching pattern, once for each pattern", () => {
    const routes = new PatternIndex<string>();
    routes.add(compileSelector("/a/{x}"), "1");
    routes.add(compileSelector("/a/{x}"), "2");
    routes.add(compileSelector("/{x}/b"), "2");
    routes.add(compileSelector("*"), "3");
    assert.deepEqual(found(routes, "/a/b"), ["1", "2", "2", "3"]);
    assert.deepEqual(found(routes, "/a/c"), ["1", "2", "3"]);
    assert.deepEqual(found(routes, "/c/c"), ["3"]);
    assert.deepEqual([...routes.all()].sort(), ["1", "2", "2", "3"]);
  });

  test("are computed once for each pattern and topic, for all subscribers", () => {
    const routes = new PatternIndex<string>();
    const [first, second] = [counting("/a/{x}"), counting("/b/{x}")];
    for (let i = 0; i < 100; i++) routes.add(first.pattern, String(i));
    for (let i = 0; i < 10; i++) assert.equal(found(routes, "/a/1").length, 100);
    routes.add(second.pattern, "late");
    for (let i = 0; i < 10; i++) assert.equal(found(routes, "/a/1").length, 100);
    assert.equal(first.evaluated(), 1);
    assert.equal(second.evaluated(), 1);
  });

  test("end when a subscriber leaves, and resume when it returns", () => {
    const routes = new PatternIndex<string>();
    const pattern = compileSelector("/a/{x}");
    routes.add(pattern, "1");
    assert.deepEqual(found(routes, "/a/1"), ["1"]);
    routes.remove(pattern, "1");
    assert.equal(routes.size, 0);
    assert.deepEqual(found(routes, "/a/1"), []);
    routes.add(pattern, "2");
    assert.deepEqual(found(routes, "/a/1"), ["2"]);
  });

  // A client names new long topics again and again: few routes, much memory.
  test("cache long topics within bounded memory", () => {
    const routes = new PatternIndex<string>();
    routes.add(compileSelector("/{x}"), "1");
    for (let i = 0; i < 12_000; i++) found(routes, `/${i}`.padEnd(1000, "x"));
    assert.ok(routes.remembered <= 16_000, `${routes.remembered}`);
  });

  // A client that publishes to new topics, or subscribes with new patterns, again and again must not fill the memory.
  test("are cached within a bound, and evicted with their last subscriber", () => {
    const routes = new PatternIndex<string>(100);
    routes.add(compileSelector("/{x}"), "1");
    for (let i = 0; i < 1000; i++) {
      assert.deepEqual(found(routes, `/${i}`), ["1"]);
      assert.ok(routes.remembered <= 100);
    }
    found(routes, `/${"x".repeat(2000)}`);
    assert.ok(routes.remembered <= 100);
    for (let i = 0; i < 1000; i++) {
      const pattern = compileSelector(`/${i}/{x}`);
      routes.add(pattern, "2");
      assert.deepEqual(found(routes, `/${i}/x`), ["2"]);
      routes.remove(pattern, "2");
    }
    assert.equal(routes.size, 1);
    assert.deepEqual(found(routes, "/1/x"), []);
    assert.deepEqual(found(routes, "/1"), ["1"]);
  });

  // With many patterns, each update would be matched against all of them.
  test("are looked up among the patterns whose prefix or suffix fits the topic", () => {
    const routes = new PatternIndex<string>();
    const all = Array.from({ length: 2000 }, (_, i) => counting(i % 2 === 0 ? `/rooms/${i}/{x}` : `{+x}/${i}.html`));
    all.forEach(({ pattern }, index) => {
      routes.add(pattern, `${index}`);
    });
    assert.deepEqual(found(routes, "/rooms/8/1"), ["8"]);
    assert.deepEqual(found(routes, "/pages/9.html"), ["9"]);
    assert.deepEqual(found(routes, "/rooms/10/11.html"), ["10", "11"]);
    assert.deepEqual(found(routes, "nowhere"), []);
    const evaluations = all.reduce((sum, { evaluated }) => sum + evaluated(), 0);
    assert.ok(evaluations <= 10, `${evaluations} evaluations`);
  });

  test("are looked up by the path of URL patterns, in every spelling of the topic", () => {
    const hubUrl = "https://hub.example/.well-known/mercure";
    const routes = new PatternIndex<string>();
    for (let i = 0; i < 100; i++) routes.add(compileUrlPattern(`/rooms/${i}/:x`, hubUrl), `${i}`);
    routes.add(compileUrlPattern("https://other.example/*", hubUrl), "other");
    assert.deepEqual(found(routes, "/rooms/8/1"), ["8"]);
    assert.deepEqual(found(routes, "https://hub.example/rooms/9/1"), ["9"]);
    assert.deepEqual(found(routes, "../rooms/./9/1"), ["9"]);
    assert.deepEqual(found(routes, "https://other.example/rooms/9/1"), ["other"]);
    assert.deepEqual(found(routes, "http://["), []);
  });
});
