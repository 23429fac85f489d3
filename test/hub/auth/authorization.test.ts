import assert from "node:assert/strict";
import { request } from "node:http";
import { describe, type TestContext, test } from "node:test";
import type { JWTPayload } from "jose";
import { draft, publisherKey, startHub, subscribe, token } from "../fixture.js";

const bearer = (value: string) => ({ Authorization: `Bearer ${value}` });
const cookie = (value: string, name = "mercureAuthorization") => ({ Cookie: `theme=dark; ${name}=${value}; x=y` });

describe("private updates", () => {
  test("reach only those whose token grants one of their topics", async (t) => {
    const { hub, url } = await startHub(t);
    const subscribed = (headers?: Record<string, string>) => subscribe(t, url(["a", "b"]), headers);
    const nobody = await subscribed();
    const some = await subscribed(bearer(await token({ subscribe: ["a"] })));
    const all = await subscribed(bearer(await token({ subscribe: ["*"] })));
    const none = await subscribed(bearer(await token({ publish: ["*"] })));
    const alternate = await subscribed(bearer(await token({ subscribe: ["user/1"] })));

    await hub.publish(draft("a", "private a", { private: true }));
    await hub.publish(draft("b", "private b", { private: true }));
    await hub.publish(draft(["b", "user/1"], "private b for 1", { private: true }));
    await hub.publish(draft(["a", "b"], "public"));
    const expected = [
      [nobody, ["public"]],
      [some, ["private a", "public"]],
      [all, ["private a", "private b", "private b for 1", "public"]],
      [none, ["public"]],
      [alternate, ["private b for 1", "public"]],
    ] as const;
    for (const [subscriber, data] of expected) {
      await subscriber.until((s) => s.data.at(-1) === "public");
      assert.deepEqual(subscriber.data, data);
    }
  });

  // A subscriber who has lost a topic asks the history for the private updates that the live stream withholds.
  test("are withheld from replay as from the live stream", async (t) => {
    const { hub, url } = await startHub(t);
    const cursor = hub.lastEventId;
    await hub.publish(draft("a", "private", { private: true }));
    await hub.publish(draft("a", "public"));
    for (const lastEventID of [cursor, "earliest"]) {
      const subscriber = await subscribe(t, url("a", { lastEventID }));
      await subscriber.until(({ data }) => data.length > 0);
      assert.deepEqual(subscriber.data, ["public"]);
    }
    const granted = await subscribe(t, url("a", { lastEventID: cursor }), bearer(await token({ subscribe: ["a"] })));
    await granted.until(({ data }) => data.length === 2);
  });

  // A wildcard subscription grants nothing.
  test("are withheld from a wildcard without grants", async (t) => {
    const { hub, url } = await startHub(t);
    const subscriber = await subscribe(t, url("*"));
    await hub.publish(draft("a", "private", { private: true }));
    await hub.publish(draft("a", "public"));
    await subscriber.until(({ data }) => data.length > 0);
    assert.deepEqual(subscriber.data, ["public"]);
  });
});

describe("tokens", () => {
  test("are read from the header first, then the query, then the cookie", async (t) => {
    const { hub, url } = await startHub(t);
    const good = await token({ subscribe: ["a"] });
    const powerless = await token({ subscribe: [] });
    const accepted = [
      [{}, bearer(good)],
      [{ authorization: good }, {}],
      [{}, cookie(good)],
      [{}, cookie(`"${good}"`)],
      [{ authorization: powerless }, { ...bearer(good), ...cookie(powerless) }],
      [{ authorization: good }, cookie(powerless)],
      [{ authorization: good }, { Authorization: "Basic dXNlcjpwYXNz" }],
      [{ authorization: "" }, cookie(good)],
    ] as const;
    for (const [parameters, headers] of accepted) {
      const subscriber = await subscribe(t, url("a", parameters), headers as Record<string, string>);
      await hub.publish(draft("a", "private", { private: true }));
      await subscriber.until(({ data }) => data.length === 1);
      subscriber.close();
    }
    // The place with precedence wins even when its token is the invalid one.
    const refused = [
      [{ authorization: good }, { ...bearer("bad"), ...cookie(good) }],
      [{ authorization: "bad" }, cookie(good)],
    ] as const;
    for (const [parameters, headers] of refused) {
      assert.equal((await subscribe(t, url("a", parameters), headers)).status, 401);
    }
  });

  test("are read from the cookie that the option cookieName names", async (t) => {
    const { url } = await startHub(t, { cookieName: "other", allowAnonymous: false });
    const good = await token({});
    assert.equal((await subscribe(t, url("a"), cookie(good, "other"))).status, 200);
    assert.equal((await subscribe(t, url("a"), cookie(good))).status, 401);
  });

  test("are optional with the option anonymous", async (t) => {
    const { url } = await startHub(t, { allowAnonymous: false });
    const { status, headers } = await subscribe(t, url("a"));
    assert.equal(status, 401);
    assert.equal(headers["www-authenticate"], 'Bearer realm="mercure"');
    assert.equal((await subscribe(t, url("a"), bearer(await token(undefined)))).status, 200);
  });

  // Forged and expired tokens, tokens for another purpose, and tokens that ask for a weaker check.
  test("a token with any defect is rejected", async (t) => {
    const { url } = await startHub(t);
    const grants = { subscribe: ["*"] };
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(JSON.stringify({ mercure: grants })).toString("base64url")}.`;
    const valid = await token(grants);
    const now = Math.floor(Date.now() / 1000);
    const bad = {
      garbage: "x",
      unsigned,
      truncated: valid.slice(0, -3),
      "with another key": await token(grants, {}, publisherKey),
      "with another algorithm": await token(grants, {}, `${publisherKey}${publisherKey}`, "HS512"),
      expired: await token(grants, { exp: now - 10 }),
      "not yet valid": await token(grants, { nbf: now + 1000 }),
      "with a malformed claim": await token({ subscribe: "*" }),
      "with a claim that is not an object": await token("subscribe"),
    };
    const answers = new Set<string>();
    for (const [what, value] of Object.entries(bad)) {
      const answer = await fetch(url("a"), { headers: bearer(value) });
      assert.equal(answer.status, 401, what);
      assert.equal(answer.headers.get("www-authenticate"), 'Bearer realm="mercure", error="invalid_token"');
      answers.add(await answer.text());
    }
    assert.equal(answers.size, 1, "the answer tells a forger what is wrong");
  });

  test("every token is rejected without a key", async (t) => {
    const { url } = await startHub(t, { subscriberKey: undefined });
    assert.equal((await subscribe(t, url("a"), bearer(await token({ subscribe: ["*"] })))).status, 401);
    assert.equal((await subscribe(t, url("a"))).status, 200);
  });

  test("the stream ends when the token expires, and not before", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { hub, url } = await startHub(t, { connectionLifetime: 0 });
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const subscriber = await subscribe(t, url("a"), bearer(await token({ subscribe: ["a"] }, { exp })));
    t.mock.timers.tick(3_000_000);
    await hub.publish(draft("a", "private", { private: true }));
    await subscriber.until(({ data }) => data.length === 1);
    t.mock.timers.tick(600_000);
    assert.equal(hub.connections, 0);
    await subscriber.until(({ ended }) => ended);
  });

  test("the first of two equal headers counts", async (t) => {
    const { url } = await startHub(t);
    const headers = ["Authorization", "Bearer bad", "Authorization", `Bearer ${await token({})}`, "Host", "x"];
    const status = await new Promise((resolve, reject) => {
      const req = request(url("a"), { headers: headers as never, agent: false }, (res) => resolve(res.statusCode));
      t.after(() => req.destroy());
      req.on("error", reject).end();
    });
    assert.equal(status, 401);
  });
});

describe("a token of an issuer whose clock is ahead", () => {
  const now = () => Math.floor(Date.now() / 1000);
  const statusOf = async (t: TestContext, claims: JWTPayload, options = {}) => {
    const { url } = await startHub(t, options);
    return (await subscribe(t, url("a"), bearer(await token({ subscribe: ["a"] }, claims)))).status;
  };

  test("is valid up to the option clockTolerance, by default 30 seconds", async (t) => {
    for (const claim of ["nbf", "iat"]) {
      assert.equal(await statusOf(t, { [claim]: now() + 20 }), 200, claim);
      assert.equal(await statusOf(t, { [claim]: now() + 90 }), 401, claim);
      assert.equal(await statusOf(t, { [claim]: now() + 90 }, { clockTolerance: 120 }), 200, claim);
      assert.equal(await statusOf(t, { [claim]: now() + 20 }, { clockTolerance: 0 }), 401, claim);
    }
  });

  test("stays invalid for every moment after it expires", async (t) => {
    assert.equal(await statusOf(t, { exp: now() - 1 }), 401);
  });

  test("is rejected when it comes from further ahead", async (t) => {
    await assert.rejects(startHub(t, { clockTolerance: 301 }), { code: "ERR_OPTION" });
  });
});

describe("a private update whose publisher chose its id", () => {
  // A stranger guesses `invoice-7`, and the answer would tell whether it exists.
  test("looks to a stranger like an unknown id", async (t) => {
    const { hub, url } = await startHub(t);
    await hub.publish(draft("a", "secret", { private: true, id: "invoice-7" }));
    const answers = await Promise.all(
      ["invoice-7", "invoice-8"].map(async (id) => (await subscribe(t, url("a", { lastEventID: id }))).headers),
    );
    assert.deepEqual(
      answers.map((headers) => headers["last-event-id"]),
      ["earliest", "earliest"],
    );
    const reader = await subscribe(
      t,
      url("a", { lastEventID: "invoice-7" }),
      bearer(await token({ subscribe: ["a"] })),
    );
    assert.equal(reader.headers["last-event-id"], "invoice-7");
  });
});
