import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { detailType, parseAuthorizationDetails } from "../../../src/protocol/tokens/authorization-details.js";
import { parseGrants } from "../../../src/protocol/tokens/grants.js";

const limits = { details: 3, topics: 5, topicLength: 20, patternSize: 5_000 };
const detail = (fields: object = {}) => ({
  type: detailType,
  actions: ["subscribe"],
  topics: [{ match: "a" }],
  ...fields,
});
const parse = (...details: unknown[]) => parseAuthorizationDetails({ authorization_details: details }, limits);

describe("parseAuthorizationDetails", () => {
  test("reads the grants of each action", async () => {
    const grants = await parse(
      detail({ topics: [{ match: "a" }, { match: "b", match_type: "exact" }] }),
      detail({ actions: ["publish"], topics: [{ match: "c" }] }),
      detail({ actions: ["publish", "subscribe"], topics: [{ match: "d" }] }),
    );
    assert.ok(grants);
    const may = (action: "subscribe" | "publish") => ["a", "b", "c", "d", "e"].filter((t) => grants[action].matches(t));
    assert.deepEqual(may("subscribe"), ["a", "b", "d"]);
    assert.deepEqual(may("publish"), ["c", "d"]);
  });

  test("tokens with no Mercure authorization detail grant no publish or subscribe rights", async () => {
    const others = [{}, { authorization_details: [] }, { authorization_details: [{ type: "x", actions: 1 }] }];
    for (const claims of others) {
      const grants = await parseAuthorizationDetails(claims, limits);
      assert.ok(grants && !grants.subscribe.matches("a") && !grants.publish.matches("a"));
    }
  });

  test("an unrecognised action grants nothing and does not invalidate the token", async () => {
    const grants = await parse(detail({ actions: ["fly", "__proto__"] }), detail({ actions: ["fly", "publish"] }));
    assert.ok(grants?.publish.matches("a"));
    assert.ok(!grants!.subscribe.matches("a"));
  });

  test("the wildcard matches every topic, whatever its type", async () => {
    for (const match_type of ["exact", "urlpattern", "unknown"]) {
      assert.ok((await parse(detail({ topics: [{ match: "*", match_type }] })))?.subscribe.matches("any"));
    }
  });

  test("payloads stay in order, each with its topics", async () => {
    const grants = await parse(
      detail({ payload: { n: 1 } }),
      detail(),
      detail({ topics: [{ match: "*" }], payload: { n: 2 } }),
    );
    assert.deepEqual(
      grants?.payloads?.map(({ matchers, payload }) => [matchers.matches("z"), payload]),
      [
        [false, { n: 1 }],
        [false, undefined],
        [true, { n: 2 }],
      ],
    );
  });

  // A broken grant whose valid part is used is another grant than the issuer's.
  test("one invalid entry makes the hub ignore the remaining ones", async () => {
    const bad: unknown[] = [
      null,
      "detail",
      [],
      {},
      { type: 1 },
      { ...detail(), actions: undefined },
      detail({ actions: [] }),
      detail({ actions: "subscribe" }),
      detail({ actions: ["subscribe", 1] }),
      detail({ topics: [] }),
      detail({ topics: {} }),
      detail({ topics: ["a"] }),
      detail({ topics: [null] }),
      detail({ topics: [{ match: "a" }, {}] }),
      detail({ topics: [{ match: 1 }] }),
      detail({ topics: [{ match: "" }] }),
      detail({ topics: [{ match: "a\n" }] }),
      detail({ topics: [{ match: "a", match_type: "unknown" }] }),
      detail({ topics: [{ match: "a", match_type: "Exact" }] }),
      detail({ topics: [{ match: "a", match_type: null }] }),
      detail({ topics: [{ match: "*", match_type: 1 }] }),
      detail({ payload: "text" }),
      detail({ payload: null }),
      detail({ payload: [] }),
    ];
    for (const entry of bad) assert.equal(await parse(detail(), entry), undefined, JSON.stringify(entry));
    for (const claim of [null, "x", {}, 1]) {
      assert.equal(await parseAuthorizationDetails({ authorization_details: claim }, limits), undefined);
    }
  });

  test("tokens above a limit are invalid", async () => {
    assert.ok(await parse(detail(), detail(), detail()));
    assert.equal(await parse(detail(), detail(), detail(), detail()), undefined);
    const topics = (count: number) => ({ topics: Array.from({ length: count }, () => ({ match: "a" })) });
    assert.ok(await parse(detail(topics(5))));
    assert.equal(await parse(detail(topics(3)), detail(topics(3))), undefined);
    assert.ok(await parse(detail({ topics: [{ match: "a".repeat(20) }] })));
    assert.equal(await parse(detail({ topics: [{ match: "a".repeat(21) }] })), undefined);
    assert.equal(parseGrants({ mercure: { publish: ["a".repeat(21)] } }, limits), undefined);
    const list = (length: number) => Array.from({ length }, () => "a");
    assert.ok(parseGrants({ mercure: { subscribe: list(3), publish: list(2) } }, limits));
    assert.equal(parseGrants({ mercure: { subscribe: list(3), publish: list(3) } }, limits), undefined);
  });
});
