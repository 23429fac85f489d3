import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseGrants } from "../../src/protocol/grants.js";

describe("parseGrants", () => {
  test("reads what the mercure claim grants", () => {
    const grants = parseGrants({ mercure: { subscribe: ["a"], publish: ["*"], payload: { user: 1 } } });
    assert.ok(grants);
    assert.ok(grants.subscribe.matches("a"));
    assert.ok(!grants.subscribe.matches("b"));
    assert.ok(grants.publish.matches("b"));
    assert.deepEqual(grants.payload, { user: 1 });
  });

  test("what is absent grants nothing", () => {
    for (const claims of [{}, { mercure: {} }, { mercure: { subscribe: [], publish: [] } }, { sub: "x" }]) {
      const grants = parseGrants(claims);
      assert.ok(grants);
      assert.ok(!grants.subscribe.matches("a"));
      assert.ok(!grants.publish.matches("a"));
    }
  });

  // "subscribe": "abc" read letter by letter, or a list read as far as it goes, grants what the issuer did not mean.
  test("a malformed claim is refused as a whole", () => {
    for (const mercure of [
      null,
      [],
      "subscribe",
      1,
      { subscribe: "a" },
      { subscribe: ["a", 1] },
      { subscribe: null },
      { subscribe: ["a"], publish: { 0: "a" } },
      { subscribe: ["a", "{x:9999}"] },
    ]) {
      assert.equal(parseGrants({ mercure }), undefined);
    }
  });

  // A claim must be the token's own, not one that a polluted prototype lends to every token.
  test("an inherited claim counts for nothing", () => {
    const claims = Object.create({ mercure: { subscribe: ["*"] } }) as Record<string, unknown>;
    assert.ok(!parseGrants(claims)?.subscribe.matches("a"));
  });
});
