import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { carriedName, nameOf } from "../../src/protocol/carried-name.js";
import { forbiddenCharacter } from "../../src/protocol/characters.js";
import { compileSelector, compileUrlPattern } from "../../src/protocol/matching/matcher.js";
import { cases } from "../support/cases.js";

/** Texts with many escapes, and with parts that could become escapes. */
const names = fc.string({
  unit: fc.constantFrom("~", "u", "200D", "00AD", ".", "\u200d", "\u200c", "\u{e0067}", "\u00ad", "a", "é", "%", "/"),
  maxLength: 30,
});

describe("a name", () => {
  test("without format characters is its own topic", () => {
    for (const name of ["messages", "https://example.com/a%20b?c#d", "~user", "v~u2.0", "علی", "👋🏽"]) {
      assert.equal(carriedName(name), name);
    }
  });

  test("with joiners is carried by a topic that hubs take, and reads the same again", () => {
    for (const name of [
      "👨‍👩‍👧",
      "علی‌رضا",
      "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
      "co\u00adop",
      "\u200fא",
    ]) {
      const topic = carriedName(name);
      assert.equal(forbiddenCharacter(topic), undefined);
      assert.equal(nameOf(topic), name);
    }
    assert.equal(carriedName("می‌خواهم"), "می~u200C.خواهم");
  });

  test("is never carried by the topic of another name", () => {
    fc.assert(
      fc.property(names, (name) => {
        assert.equal(nameOf(carriedName(name)), name);
        assert.equal(forbiddenCharacter(carriedName(name)), undefined);
      }),
      { numRuns: cases(5000) },
    );
    assert.notEqual(carriedName("a~u200D.b"), carriedName("a\u200db"));
  });

  test("is matched by the patterns that match names without joiners", () => {
    const topic = carriedName("users/a\u200db");
    assert.equal(compileSelector("users/{name}").matches(topic), true);
    assert.equal(compileUrlPattern("/users/:name", "https://example.com/").matches(`/${topic}`), true);
  });

  test("is read unchanged from a topic that only looks carried", () => {
    for (const topic of ["a~u0041.", "~u200d.", "~u12.", "~u110000."]) assert.equal(nameOf(topic), topic);
  });
});
