import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Revocations } from "../../../src/hub/auth/revocations.js";
import type { VerifiedToken } from "../../../src/hub/auth/verified-token.js";
import { parseGrants } from "../../../src/protocol/tokens/grants.js";

function tokenOf(fields: { id?: string; sub?: string; issuedAt?: number; subscribe?: string[] }): VerifiedToken {
  const { id = "", sub, issuedAt, subscribe = [] } = fields;
  const grants = parseGrants({ mercure: { subscribe } })!;
  return { id, sub, issuedAt, grants, version: 0, subject: sub, expiresAt: undefined };
}

describe("revocations", () => {
  test("affect the tokens issued up to their moment", () => {
    const revocations = new Revocations();
    revocations.add({ kind: "subject", name: "ada", before: 1000.5 });
    for (const [issuedAt, refused] of [[999], [1000.5], [1000.501, false], [2000, false]] as const) {
      assert.equal(revocations.isRevoked(tokenOf({ sub: "ada", issuedAt })), refused ?? true, String(issuedAt));
    }
    // A revocation must also apply to tokens whose issuer omits their time of issue.
    assert.equal(revocations.isRevoked(tokenOf({ sub: "ada" })), true);
    assert.equal(revocations.isRevoked(tokenOf({ sub: "grace" })), false);
    assert.equal(revocations.isRevoked(tokenOf({})), false);
  });

  test("keep their effect when a revocation of an earlier moment arrives later", () => {
    const revocations = new Revocations();
    revocations.add({ kind: "subject", name: "ada", before: 2000 });
    revocations.add({ kind: "subject", name: "ada", before: 1000 });
    assert.equal(revocations.isRevoked(tokenOf({ sub: "ada", issuedAt: 1500 })), true);
  });

  test("of a topic affect every token that grants it, by name or by pattern", () => {
    const revocations = new Revocations();
    revocations.add({ kind: "topic", name: "orders/7", before: 1000 });
    for (const [subscribe, refused] of [
      [["orders/7"], true],
      [["orders/8", "orders/{id}"], true],
      [["*"], true],
      [["orders/8"], false],
      [["orders/{+rest}/x"], false],
      [[], false],
    ] as const) {
      assert.equal(
        revocations.isRevoked(tokenOf({ subscribe: [...subscribe], issuedAt: 999 })),
        refused,
        `${subscribe}`,
      );
      assert.equal(revocations.isRevoked(tokenOf({ subscribe: [...subscribe], issuedAt: 1001 })), false);
    }
  });

  test("of a single token affect no other", () => {
    const revocations = new Revocations();
    revocations.add({ kind: "token", name: "one", before: 1000 });
    assert.equal(revocations.isRevoked(tokenOf({ id: "one", issuedAt: 1 })), true);
    assert.equal(revocations.isRevoked(tokenOf({ id: "two", issuedAt: 1 })), false);
  });

  // A user signs in and out again and again.
  test("take bounded memory: the oldest is evicted first", () => {
    const revocations = new Revocations(2);
    for (const [name, before] of [
      ["a", 800],
      ["b", 900],
      ["a", 1000],
      ["c", 1000],
    ] as const) {
      revocations.add({ kind: "subject", name, before });
    }
    const refusedAt = (issuedAt: number) =>
      ["a", "b", "c", "d"].filter((sub) => revocations.isRevoked(tokenOf({ sub, issuedAt })));
    assert.deepEqual(refusedAt(950), ["a", "c"]);
    // The evicted revocation can apply to any token of its time, except one without a subject.
    assert.deepEqual(refusedAt(850), ["a", "b", "c", "d"]);
    assert.equal(revocations.isRevoked(tokenOf({ issuedAt: 1 })), false);
  });

  // A bearer waits until the revocation of the token is evicted.
  test("reject every token that an evicted revocation could have revoked", () => {
    const revocations = new Revocations();
    revocations.forget(1000);
    assert.equal(revocations.isRevoked(tokenOf({ sub: "ada", issuedAt: 1000 })), true);
    assert.equal(revocations.isRevoked(tokenOf({ subscribe: ["a"], issuedAt: 1000 })), true);
    assert.equal(revocations.isRevoked(tokenOf({ sub: "ada", subscribe: ["a"], issuedAt: 1001 })), false);
    // No revocation applies to a publisher's token without a subject.
    assert.equal(revocations.isRevoked(tokenOf({ issuedAt: 1000 })), false);
  });
});
