import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compileUriTemplate } from "../../../src/protocol/matching/uri-template.js";
import { cases } from "../../support/cases.js";

/** The template, its expansions, and texts that are not its expansions. */
const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["/b/{id}", ["/b/1", "/b/", "/b/a%20b", "/b/%C3%A9", "/b/a,b", "/b/~_-."], ["/b", "/b/a/b", "/b/a b", "/b/é"]],
  ["/b/{id}", ["/b/%c3%a9"], ["/b/a:b", "/b/a=b", "/b/a%zz", "/b/%", "/b/1!", "/b/(1)", "/B/1"]],
  ["/b/{+p}", ["/b/a/b?c#d", "/b/%20", "/b/", "/b/!$&'()*+,;=:@[]"], ["/b/a b", "/b/%", "/b/é", "/b/%zz"]],
  ["/b{#f}", ["/b#x/y", "/b", "/b#"], ["/bx"]],
  ["/b{.x}", ["/b.a", "/b", "/b.", "/b.a,b", "/b.a.b"], ["/ba", "/b/a"]],
  ["/b{.x,y}", ["/b.a.b", "/b.a"], ["/b/a"]],
  ["/b{/x}", ["/b/a", "/b", "/b/"], ["/b/a/b", "/ba"]],
  ["/b{/x,y}", ["/b/a/b", "/b/a", "/b"], ["/b/a/b/c"]],
  ["/b{/x*}", ["/b/a/b/c", "/b", "/b/k=v", "/b/k=v/l=w"], ["/ba"]],
  ["/b{;x}", ["/b;x=1", "/b;x", "/b"], ["/b;y=1", "/b;x=", "/b;x1"]],
  ["/b{;x*}", ["/b;x=1;x=2", "/b;k=v", "/b;k"], ["/bk"]],
  ["/b{?x,y}", ["/b?x=1&y=2", "/b?y=2", "/b?x=1", "/b", "/b?x="], ["/b?y=2&x=1", "/b?", "/b?x", "/b?z=1"]],
  ["/b{?x*}", ["/b?x=1&x=2", "/b?k=v&l=w", "/b"], ["/b?k"]],
  ["/b{&x}", ["/b&x=1", "/b"], ["/b?x=1"]],
  ["/b/{x:3}", ["/b/abc", "/b/", "/b/%C3%A9%C3%A9%C3%A9"], ["/b/abcd", "/b/%C3%A9%C3%A9%C3%A9%C3%A9", "/b/a,b"]],
  ["/b/{x*}", ["/b/a,b", "/b/k=v", "/b/a=b,c=d"], ["/b/a/b"]],
  ["/b/{x,y}", ["/b/1,2", "/b/1", "/b/,"], ["/b/1;2"]],
  ["{x}", ["anything", ""], ["a/b"]],
  ["é/{x}", ["é/1", "%C3%A9/1"], ["e/1"]],
  ["a%20b'/{x}", ["a%20b'/1"], ["a b'/1"]],
  ["/b.{x}", ["/b.1"], ["/bx1"]],
  ["/b/{x.y}/{x%20}", ["/b/1/2"], []],
];

describe("URI templates", () => {
  test("match their expansions, by every operator and modifier of RFC 6570", () => {
    for (const [template, matching, other] of table) {
      const expression = compileUriTemplate(template)!;
      for (const topic of matching) assert.ok(expression.matches(topic), `${template} should match ${topic}`);
      for (const topic of other) assert.ok(!expression.matches(topic), `${template} should not match ${topic}`);
    }
  });

  test("are invalid where RFC 6570 says so", () => {
    for (const text of ["{", "}", "{}", "{=x}", "{x", "{x:0}", "{x:3*}", "{x y}", "{x,}", "a b{x}", "<{x}", "%zz{x}"]) {
      assert.equal(compileUriTemplate(text), undefined, text);
    }
  });

  // A subscriber without a token asks for patterns that each take seconds, and all other streams wait.
  test("are rejected above the max size", () => {
    for (const text of ["{x:1000}", "{x:9999}", `{${Array(33).fill("x").join()}}`, "{?a,b,c,d,e,f,g}".repeat(20)]) {
      assert.throws(() => compileUriTemplate(text), text);
    }
  });

  test("match every expansion of random values", () => {
    const value = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(value, value, fc.constantFrom("", "/", ".", ";", "?", "&"), (x, y, operator) => {
        const encode = (text: string) =>
          encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
        const named = (name: string, text: string) => (operator === ";" && text === "" ? name : `${name}=${text}`);
        const [a, b] = [encode(x), encode(y)];
        const expansion = {
          "": `${a},${b}`,
          "/": `/${a}/${b}`,
          ".": `.${a}.${b}`,
          ";": `;${named("x", a)};${named("y", b)}`,
          "?": `?${named("x", a)}&${named("y", b)}`,
          "&": `&${named("x", a)}&${named("y", b)}`,
        }[operator]!;
        assert.ok(compileUriTemplate(`t{${operator}x,y}`)!.matches(`t${expansion}`), expansion);
      }),
      { numRuns: cases(2_000) },
    );
  });
});
