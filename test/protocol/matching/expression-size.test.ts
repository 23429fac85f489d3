import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { expressionSize } from "../../../src/protocol/matching/expression-size.js";
import { cases } from "../../support/cases.js";

describe("the size of an expression, before it is compiled", () => {
  test("is close to its program's size for usual expressions", () => {
    for (const source of [
      "/users/(?:[\\w.~\\-,]|%[0-9a-f]{2})*",
      "(?:a|b)+c",
      "[^/]+/x",
      "\\d{4}-\\d{2}",
      ".*",
      "a?b*",
    ]) {
      const actual = RE2JS.compile(source).programSize();
      const bound = expressionSize(source);
      assert.ok(bound >= actual && bound <= 2 * actual + 5, `${source}: ${bound}, really ${actual}`);
    }
  });

  // A few bytes ask for an automaton of a million states, whose compilation blocks every other request for seconds.
  test("counts repetitions of repetitions, without compiling them", () => {
    for (const [source, least] of [
      ["(?:.{1000}){1000}", 1_000_000],
      ["(.{1,1000})".repeat(100), 100_000],
      ["((((a{50}){50}){50}){50})", 6_000_000],
      [`(?:${"a?".repeat(500)}){1000}`, 500_000],
      ["\\p{L}".repeat(500), 5_000],
      [`${"(".repeat(100)}a${"){9}".repeat(100)}`, 1e90],
    ] as const) {
      assert.ok(expressionSize(source) >= least, source.slice(0, 40));
    }
  });

  test("is at least the size of the program, for any expression", () => {
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom(
          "a",
          ".",
          "\\d",
          "\\.",
          "[^/]",
          "[a-z0-9]",
          "\\pL",
          "\\p{Lu}",
          "é",
          "😀",
          "[\\]a]",
          "\\b",
          "^",
          "",
        ),
        fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => a + b),
        fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `${a}|${b}`),
        tie("expression").map((a) => `(${a})`),
        fc
          .tuple(
            tie("expression"),
            fc.constantFrom("*", "+", "?", "*?", "{3}", "{0}", "{2,}", "{0,4}", "{1,3}", "{0,0}"),
          )
          .map(([a, quantifier]) => `(?:${a})${quantifier}`),
      ),
    }));
    fc.assert(
      fc.property(expression, (source) => {
        let actual = 0;
        try {
          actual = RE2JS.compile(source).programSize();
        } catch {
          return;
        }
        assert.ok(expressionSize(source) >= actual, `${source}: ${expressionSize(source)}, really ${actual}`);
      }),
      { numRuns: cases(3_000) },
    );
  });
});
