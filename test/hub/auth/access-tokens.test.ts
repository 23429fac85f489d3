import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JWTPayload } from "jose";
import { detailType } from "../../../src/protocol/tokens/authorization-details.js";
import { accessToken, draft, issuer, publisherKey, resource, startHub, subscribe, token } from "../fixture.js";

const bearer = (value: string) => ({ Authorization: `Bearer ${value}` });
const grants = (...topics: string[]) => ({
  authorization_details: [
    { type: detailType, actions: ["subscribe", "publish"], topics: topics.map((match) => ({ match })) },
  ],
});

describe("tokens of Mercure 1.0", () => {
  test("admit the updates that their details grant", async (t) => {
    const { hub, url } = await startHub(t, { issuer, resource });
    const subscriber = await subscribe(t, url("*"), bearer(await accessToken(grants("a"))));
    await hub.publish(draft("b", "private b", { private: true }));
    await hub.publish(draft("a", "private a", { private: true }));
    await subscriber.until(({ data }) => data.length > 0);
    assert.deepEqual(subscriber.data, ["private a"]);
  });

  test("a private update reaches every subscriber whose token grants one of its topics, canonical or alternate", async (t) => {
    const { hub, origin } = await startHub(t, { issuer, resource });
    const url = `${origin}${hub.path}?match_urlpattern=/books/:id`;
    const subscriber = await subscribe(t, url, bearer(await accessToken(grants("/users/42/books/1"))));
    await hub.publish(draft("/books/1", "for nobody", { private: true }));
    await hub.publish(draft(["/books/1", "/users/42/books/1"], "for 42", { private: true }));
    await hub.publish(draft("/users/42/books/1", "not asked for", { private: true }));
    await hub.publish(draft("/books/2", "public"));
    await subscriber.until(({ data }) => data.at(-1) === "public");
    assert.deepEqual(subscriber.data, ["for 42", "public"]);
  });

  // A subscriber whose rights have shrunk asks the history for topics that an older token granted.
  test("are checked again for each replayed update", async (t) => {
    const { hub, origin } = await startHub(t, { issuer, resource });
    const url = `${origin}${hub.path}?match=*&last_event_id=earliest`;
    for (const topic of ["a", "b"]) await hub.publish(draft(topic, topic, { private: true }));
    await hub.publish(draft("c", "public"));
    for (const [granted, expected] of [
      [
        ["a", "b"],
        ["a", "b", "public"],
      ],
      [["b"], ["b", "public"]],
      [[], ["public"]],
    ] as const) {
      const claims = granted.length === 0 ? {} : grants(...granted);
      const subscriber = await subscribe(t, url, bearer(await accessToken(claims)));
      await subscriber.until(({ data }) => data.at(-1) === "public");
      assert.deepEqual(subscriber.data, expected);
      subscriber.close();
    }
  });

  test("can publish when they grant every topic, and get 403 otherwise", async (t) => {
    const { origin, hub } = await startHub(t, { issuer, resource, allowPublish: true });
    const headers = bearer(await accessToken(grants("a"), {}, publisherKey));
    const post = (body: string) =>
      fetch(origin + hub.path, { method: "POST", headers, body: new URLSearchParams(body) });
    assert.equal((await post("topic=a")).status, 200);
    const refused = await post("topic=a&topic=b");
    assert.equal(refused.status, 403);
    assert.match(refused.headers.get("www-authenticate")!, /error="insufficient_scope"/);
  });

  test("typ is compared with the application/ prefix omitted and case-insensitively", async (t) => {
    const { url } = await startHub(t, { issuer, resource, allowAnonymous: false });
    for (const typ of ["at+jwt", "application/at+jwt", "AT+JWT", "Application/At+Jwt"]) {
      assert.equal((await subscribe(t, url("a"), bearer(await accessToken({}, { typ })))).status, 200, typ);
    }
  });

  test("aud can be a list", async (t) => {
    const { url } = await startHub(t, { issuer, resource });
    const value = await accessToken({ aud: ["https://other.example", resource] });
    assert.equal((await subscribe(t, url("a"), bearer(value))).status, 200);
  });

  // A token made for another purpose, by another issuer, without expiry, or for another time.
  test("are rejected when a required claim fails", async (t) => {
    const { url } = await startHub(t, { issuer, resource });
    const now = Math.floor(Date.now() / 1000);
    const bad = {
      "for another hub": await accessToken({ aud: "https://other.example/.well-known/mercure" }),
      "for a resource that extends the hub's": await accessToken({ aud: `${resource}/` }),
      "for nobody": await accessToken({ aud: undefined } as unknown as JWTPayload),
      "of a stranger": await accessToken({ iss: "https://evil.example" }),
      "of nobody": await accessToken({ iss: undefined } as unknown as JWTPayload),
      "without an end": await accessToken({ exp: undefined } as unknown as JWTPayload),
      expired: await accessToken({ exp: now - 1 }),
      "not yet valid": await accessToken({ nbf: now + 600 }),
      "with a subject that is not a string": await accessToken({ sub: 7 } as unknown as JWTPayload),
      "signed with another key": await accessToken({}, {}, publisherKey),
      "with a critical extension": await accessToken({}, { crit: ["x"], x: 1 }).catch(() => "x.y.z"),
      "with a bad detail": await accessToken({ authorization_details: [{ type: detailType }] }),
      "an ID token": await accessToken(grants("a"), { typ: "JWT" }),
      "without a type": await accessToken(grants("a"), { typ: undefined }),
    };
    for (const [what, value] of Object.entries(bad)) {
      const { status, headers } = await subscribe(t, url("a"), bearer(value));
      assert.equal(status, 401, what);
      assert.match(headers["www-authenticate"]!, /error="invalid_token"/, what);
    }
  });

  // The claim of one version in a token of the other would escape the rules of both.
  test("reject the claim of 0.x, and tokens of 0.x reject details", async (t) => {
    const { hub, url } = await startHub(t, { issuer, resource });
    const newer = await subscribe(t, url("a"), bearer(await accessToken({ mercure: { subscribe: ["*"] } })));
    const older = await subscribe(t, url("a"), bearer(await token({ subscribe: [] }, grants("a"))));
    await hub.publish(draft("a", "private", { private: true }));
    await hub.publish(draft("a", "public"));
    for (const subscriber of [newer, older]) {
      await subscriber.until(({ data }) => data.length > 0);
      assert.deepEqual(subscriber.data, ["public"]);
    }
  });

  // Logs, histories and referrers keep URLs.
  test("are rejected in the URL", async (t) => {
    const { url } = await startHub(t, { issuer, resource });
    const { status, headers } = await subscribe(t, url("a", { authorization: await accessToken(grants("a")) }));
    assert.equal(status, 400);
    assert.match(headers["www-authenticate"]!, /error="invalid_request"/);
    const elsewhere = await startHub(t, { issuer, resource, allowAnonymous: false });
    const other = await subscribe(t, elsewhere.url("a", { access_token: await accessToken(grants("a")) }));
    assert.equal(other.status, 401);
    assert.doesNotMatch(other.headers["www-authenticate"]!, /error/);
  });

  test("prefer a header over every cookie, and the cookie of 1.0 over that of 0.x", async (t) => {
    const { url } = await startHub(t, { issuer, resource, allowAnonymous: false });
    const good = await accessToken({});
    const name = "__Secure-mercure_access_token";
    const status = async (headers: Record<string, string>) => (await subscribe(t, url("a"), headers)).status;
    assert.equal(await status({ Cookie: `${name}=${good}` }), 200);
    assert.equal(await status({ Cookie: `mercureAuthorization=bad; ${name}=${good}` }), 200);
    assert.equal(await status({ Cookie: `${name}=bad; mercureAuthorization=${good}` }), 401);
    assert.equal(await status({ ...bearer(good), Cookie: `${name}=bad` }), 200);
    assert.equal(await status({ ...bearer("bad"), Cookie: `${name}=${good}` }), 401);
  });

  test("a header without a token leaves the cookie ignored", async (t) => {
    const { url } = await startHub(t, { issuer, resource });
    const good = await accessToken({});
    for (const Authorization of ["Bearer", "Bearer ", "bearer a b", 'Bearer "x"', "Bearer ä"]) {
      const headers = { Authorization, Cookie: `__Secure-mercure_access_token=${good}` };
      const answer = await subscribe(t, url("a"), headers);
      assert.equal(answer.status, 400, Authorization);
      assert.match(answer.headers["www-authenticate"]!, /error="invalid_request"/);
    }
  });

  test("need no setting when the application issues them for its own hub: iss and aud are relative URLs", async (t) => {
    const { hub, url } = await startHub(t);
    const own = await accessToken({ iss: "/", aud: hub.path, ...grants("a") });
    assert.equal((await subscribe(t, url("a"), bearer(own))).status, 200);
    const foreign = await accessToken({ iss: "/", ...grants("a") });
    assert.equal((await subscribe(t, url("a"), bearer(foreign))).status, 401);
  });

  test("are rejected above the max number of details or topics", async (t) => {
    const { url } = await startHub(t, { issuer, resource, maxTokenDetails: 1, maxTokenTopics: 2 });
    const status = async (value: string) => (await subscribe(t, url("a"), bearer(value))).status;
    const [detail] = grants("a").authorization_details;
    assert.equal(await status(await accessToken(grants("a", "b"))), 200);
    assert.equal(await status(await accessToken(grants("a", "b", "c"))), 401);
    assert.equal(await status(await accessToken({ authorization_details: [detail, detail] })), 401);
    assert.equal(await status(await token({ subscribe: ["a", "b"], publish: ["c"] })), 401);
  });

  test("are invalid on a hub of 0.x alone, and tokens of 0.x on a hub of 1.0 alone", async (t) => {
    const tokens = [await token({ subscribe: ["a"] }), await accessToken(grants("a"))];
    for (const [protocol, query, expected] of [
      [0, "topic=a", [200, 401]],
      [1, "match=a", [401, 200]],
      ["both", "match=a", [200, 200]],
    ] as const) {
      const { origin, hub } = await startHub(t, { issuer, resource, protocol });
      for (const [index, value] of tokens.entries()) {
        const { status } = await subscribe(t, `${origin}${hub.path}?${query}`, bearer(value));
        assert.equal(status, expected[index], `${protocol} ${index}`);
      }
    }
  });

  test("end their stream when they expire", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { hub, url } = await startHub(t, { issuer, resource });
    const subscriber = await subscribe(t, url("a"), bearer(await accessToken({})));
    t.mock.timers.tick(500_000);
    assert.equal(hub.connections, 1);
    t.mock.timers.tick(100_000);
    await subscriber.until(({ ended }) => ended);
  });
});
