import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TokenCache } from "../../../src/hub/auth/token-cache.js";
import type { VerifiedToken } from "../../../src/hub/auth/verified-token.js";
import { noGrants } from "../../../src/protocol/tokens/grants.js";

const verified = (expiresAt?: number): VerifiedToken => ({
  id: "",
  version: 0,
  grants: noGrants,
  expiresAt,
  subject: undefined,
  sub: undefined,
  issuedAt: undefined,
});
const keys = (version: number | undefined = 1) => ({ version, keysFor: async () => [] });

describe("the cache of verified tokens", () => {
  test("expires an entry with its token's exp", () => {
    let now = 0;
    const cache = new TokenCache(10, () => now);
    const source = keys();
    const token = verified(1000);
    cache.add("a", token, source, source.version);
    now = 999;
    assert.equal(cache.get("a"), token);
    now = 1000;
    assert.equal(cache.get("a"), undefined);
    assert.equal(cache.size, 0);
  });

  test("drops entries when the keys change, also during their use", () => {
    const cache = new TokenCache();
    const source = keys();
    cache.add("a", verified(), source, 1);
    source.version = 2;
    assert.equal(cache.get("a"), undefined);
    cache.add("a", verified(), source, 1);
    assert.equal(cache.get("a"), undefined);
    cache.add("a", verified(), source, undefined);
    assert.equal(cache.size, 0);
  });

  // A client with many valid tokens could fill the memory with them.
  test("is bounded, and evicts the least recently used token", () => {
    const cache = new TokenCache(2);
    const source = keys();
    for (const token of ["a", "b"]) cache.add(token, verified(), source, 1);
    cache.get("a");
    cache.add("c", verified(), source, 1);
    assert.equal(cache.size, 2);
    assert.ok(cache.get("a"));
    assert.equal(cache.get("b"), undefined);
  });

  test("counts a token that is verified again meanwhile as used", () => {
    const cache = new TokenCache(2);
    const source = keys();
    for (const token of ["a", "b", "a", "c"]) cache.add(token, verified(), source, 1);
    assert.ok(cache.get("a"));
    assert.equal(cache.get("b"), undefined);
  });

  test("compares all bytes of a token", () => {
    const cache = new TokenCache();
    cache.add("a.b.c", verified(), keys(), 1);
    assert.equal(cache.get("a.b.d"), undefined);
  });
});
