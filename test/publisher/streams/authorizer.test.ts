import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Authorizer } from "../../../src/publisher/streams/authorizer.js";

const answering = (answer: unknown) => new Authorizer((() => answer) as () => boolean);

describe("authorize", () => {
  test("grants while rendering only on true", () => {
    assert.doesNotThrow(() => answering(true).assert({}, ["a"]));
    for (const answer of [false, null, undefined, 0, 1, "", "yes", {}, [], { granted: true }, () => true]) {
      assert.throws(() => answering(answer).assert({}, ["a"]), { code: "ERR_FORBIDDEN" });
    }
  });

  test("grants after waiting only on true", async () => {
    assert.equal(await answering(Promise.resolve(true)).authorize({}, ["a"], "connect"), true);
    for (const answer of [false, null, undefined, 1, "yes", {}, Promise.resolve(null), Promise.resolve({})]) {
      assert.equal(await answering(answer).authorize({}, ["a"], "connect"), false);
    }
  });

  test("must not give a promise while rendering", () => {
    for (const answer of [Promise.resolve(true), Promise.reject(new Error("down"))]) {
      assert.throws(() => answering(answer).assert({}, ["a"]), { code: "ERR_OPTION", message: /sse\.authorize/ });
    }
  });
});
