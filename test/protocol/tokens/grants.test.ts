import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseGrants } from "../../../src/protocol/tokens/grants.js";

describe("parseGrants", () => {
  test("reads the grants of the mercure claim", () => {
    const grants = parseGrants({ mercure: { subscribe: ["a"], publish: ["*"], payload: { user: 1 } } });
    assert.ok(grants);
    assert.ok(grants.subscribe.matches("a"));
    assert.ok(!grants.subscribe.matches("b"));
    assert.ok(grants.publish.matches("b"));
    assert.deepEqual(grants.payload, { user: 1 });
  });

  test("grants nothing for an absent field", () => {
    for (const claims of [{}, { mercure: {} }, { mercure: { subscribe: [], publish: [] } }, { sub: "x" }]) {
      const grants = parseGrants(claims);
      assert.ok(grants);
      assert.ok(!grants.subscribe.matches("a"));
      assert.ok(!grants.publish.matches("a"));
    }
  });

  // A string read letter by letter, or a list read up to its first error, grants more than the issuer meant.
  test("rejects a malformed claim as a whole", () => {
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

  // A polluted prototype would lend a claim to every token.
  test("ignores an inherited claim", () => {
    const claims = Object.create({ mercure: { subscribe: ["*"] } }) as Record<string, unknown>;
    assert.ok(!parseGrants(claims)?.subscribe.matches("a"));
  });
});
