import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SafeUrlPattern } from "../../../src/protocol/matching/url-pattern.js";

const hubUrl = "https://hub.example/.well-known/mercure";

/** The pattern, topics that it matches, and topics that it does not match. */
const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["https://example.com/books/:id", ["https://example.com/books/1", "https://EXAMPLE.com/books/1"], ["/books/1"]],
  ["https://example.com/books/:id", ["https://example.com/books/1?x#y"], ["https://example.com/books/1/2"]],
  ["https://example.com/users/42/*", ["https://example.com/users/42/books/1"], ["https://example.com/users/43/b"]],
  ["/books/:id", ["/books/1", "https://hub.example/books/1", "//hub.example/books/1"], ["/Books/1", "/books/"]],
  ["/books/:id", ["/.well-known/../books/1"], ["https://example.com/books/1", "books/1", "http://["]],
  ["books/:id", ["books/1", "/.well-known/books/1"], ["/books/1"]],
  ["/.well-known/mercure/subscriptions/exact/:topic/:id", ["/.well-known/mercure/subscriptions/exact/a%2Fb/1"], []],
  ["/a/:x?", ["/a", "/a/1"], ["/a/1/2"]],
  ["/a/:x*", ["/a", "/a/1", "/a/1/2"], ["/b"]],
  ["/a/:x+", ["/a/1", "/a/1/2"], ["/a"]],
  ["/a/{b}?c", ["/a/c", "/a/bc"], ["/a/b"]],
  ["/n/:id(\\d+)", ["/n/12"], ["/n/x"]],
  ["/f/*.jpg", ["/f/x.jpg", "/f/x/y.jpg"], ["/f/x.png"]],
  ["https://*.example.com/*", ["https://a.b.example.com/x"], ["https://example.com/x"]],
  ["https://:sub.example.com/", ["https://a.example.com/"], ["https://a.b.example.com/"]],
  ["http{s}?://e.com/a", ["http://e.com/a", "https://e.com/a"], ["ftp://e.com/a"]],
  ["urn\\:isbn\\:*", ["urn:isbn:1"], ["urn:x:1"]],
  ["?q=*", ["?q=1", "/.well-known/mercure?q=1"], ["?r=1", "/?q=1"]],
  ["/é/:x", ["/é/1", "/%C3%A9/1"], ["/e/1"]],
];

describe("URL patterns", () => {
  test("match by the standard, with relative patterns and topics resolved against the hub's URL", () => {
    for (const [pattern, matching, other] of table) {
      const compiled = new SafeUrlPattern(pattern, hubUrl);
      for (const topic of matching) assert.ok(compiled.matches(topic), `${pattern} should match ${topic}`);
      for (const topic of other) assert.ok(!compiled.matches(topic), `${pattern} should not match ${topic}`);
    }
  });

  test("are rejected when malformed", () => {
    for (const pattern of ["(", "{", "}", "/(a", "https://[", "/:x:x", "/({2})", "/(é)"]) {
      assert.throws(() => new SafeUrlPattern(pattern, hubUrl), pattern);
    }
  });

  // A backtracking pattern never finishes on a topic that nearly matches.
  test("are evaluated in linear time, or rejected", () => {
    const compiled = new SafeUrlPattern("/((?:a+)+)b", hubUrl);
    assert.ok(compiled.matches(`/${"a".repeat(5_000)}b`));
    assert.ok(!compiled.matches(`/${"a".repeat(5_000)}c`));
    for (const pattern of ["/((?=a)b)", "/((?<!a)b)", "/((?<x>a)\\k<x>)", "/(a{1000})", "/((?:(?:a{32}){32}))"]) {
      assert.throws(() => new SafeUrlPattern(pattern, hubUrl), pattern);
    }
  });
});
