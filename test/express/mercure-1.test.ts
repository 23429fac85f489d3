import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import type { MercureOptions } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";
import { reverseProxy } from "../support/reverse-proxy.js";

const hubPath = "/.well-known/mercure";
const metadataPath = "/.well-known/oauth-protected-resource/.well-known/mercure";

/** An application with Mercure 1.0, behind a proxy that hides the host that browsers use. */
async function start(t: TestContext, page: string, options: MercureOptions = {}) {
  const { app, kit, listen } = application(
    t,
    { "templates/index.njk": page },
    { protocol: 1, tokenMode: "url", ...options },
  );
  app.get("/", (_req, res) => res.render("index.njk"));
  const inner = await listen();
  const origin = await reverseProxy(t, () => inner);
  const streamUrl = async () => streamUrlOf(await (await fetch(origin)).text(), origin);
  return { ...kit, origin, streamUrl };
}

function tokenOf(streamUrl: string): string {
  return new URLSearchParams(new URL(streamUrl).hash.slice(1)).get("authorization")!;
}

describe("an application with Mercure 1.0, behind a proxy", () => {
  test("needs no further setting: its private streams receive through the proxy", async (t) => {
    const { sse, streamUrl, origin } = await start(t, '<% MercureStream topic="orders/7" private %>');
    const url = await streamUrl();
    const { pathname, search } = new URL(url);
    assert.equal(pathname, hubPath);
    assert.match(search, /^\?match=orders%2F7&grant=[\w-]{22}&last_event_id=%23[\w-]+$/);
    await sse.publish("orders/7", "before the connection", { private: true });
    const stream = await openStream(t, url);
    await sse.publish("orders/8", "of others", { private: true });
    await sse.publish("orders/7", "after it", { private: true });
    assert.equal((await stream.next())!.data, "before the connection");
    assert.equal((await stream.next())!.data, "after it");
    assert.equal((await fetch(origin + metadataPath)).status, 404, "its public URL is not known");
  });

  test("signs tokens of the profile, which the hub recognises as its own", async (t) => {
    const { streamUrl } = await start(t, '<% MercureStream topic="a" private %>');
    const token = tokenOf(await streamUrl());
    assert.deepEqual(decodeProtectedHeader(token), { alg: "HS256", typ: "at+jwt" });
    const { iat, exp, jti, sub, ...claims } = decodeJwt(token);
    assert.deepEqual(claims, {
      iss: "/",
      aud: hubPath,
      client_id: "/",
      authorization_details: [
        { type: "https://mercure.rocks/authorization-detail", actions: ["subscribe"], topics: [{ match: "a" }] },
      ],
    });
    assert.equal(Math.ceil(exp! - iat!), 3600);
    assert.match(jti!, /^urn:uuid:/);
    assert.match(sub!, /^urn:uuid:/);
    const other = decodeJwt(tokenOf(await streamUrl()));
    assert.notEqual(other.jti, jti);
  });

  // Logs of servers and proxies, and linked pages, see the URL of a request.
  test("keeps tokens out of request URLs, and the hub rejects them there", async (t) => {
    const { streamUrl } = await start(t, '<% MercureStream topic="a" private %>');
    const { href, hash, search } = new URL(await streamUrl());
    assert.equal(/authorization|eyJ/.test(search), false);
    const response = await fetch(href.replace("#", "&"));
    assert.equal(response.status, 400);
    assert.match(hash, /^#authorization=eyJ/);
  });

  test("uses its public URL where it has one, and tells clients of it", async (t) => {
    const publicHubUrl = `https://shop.example${hubPath}`;
    const { sse, origin } = await start(t, "", { publicHubUrl, hub: { allowAnonymous: false } });
    const token = sse.subscriberJwt("a");
    const { iss, aud } = decodeJwt(token);
    assert.deepEqual([iss, aud], ["https://shop.example", publicHubUrl]);
    const metadata = await fetch(origin + metadataPath);
    assert.equal(((await metadata.json()) as { resource: string }).resource, publicHubUrl);
    const refused = await fetch(`${origin}${hubPath}?match=a`);
    assert.equal(refused.status, 401);
    assert.match(refused.headers.get("www-authenticate")!, /resource_metadata="https:\/\/shop\.example\/\.well-known/);
    const stream = await openStream(t, `${origin}${hubPath}?match=a`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    assert.equal(stream.response.status, 200);
  });

  // With equal keys, the tokens of one application would open the streams of another.
  test("rejects tokens for another hub", async (t) => {
    const [one, other] = await Promise.all(
      ["https://one.example/", "https://other.example/"].map(async (host) => {
        return start(t, "", { publicHubUrl: `${host}hub` });
      }),
    );
    const headers = { Authorization: `Bearer ${other!.sse.subscriberJwt("a")}` };
    assert.equal((await fetch(`${one!.origin}${hubPath}?match=a`, { headers })).status, 401);
  });

  test("serves clients of 0.x too, by default", async (t) => {
    const [both, alone] = [await start(t, ""), await start(t, "", { hub: { protocol: 1 } })];
    assert.equal((await openStream(t, `${both.origin}${hubPath}?topic=a`)).response.status, 200);
    assert.equal((await fetch(`${alone.origin}${hubPath}?topic=a`)).status, 400);
  });

  test("streams URL patterns", async (t) => {
    const page = '<% MercureStream topic={ match: "/books/:id", match_type: "urlpattern" } private %>';
    const { sse, streamUrl } = await start(t, page);
    const stream = await openStream(t, await streamUrl());
    await sse.publish("/books/7/pages", "deeper", { private: true });
    await sse.publish("/books/7", "a book", { private: true });
    assert.equal((await stream.next())!.data, "a book");
  });

  test("lists its subscribers, for pages too", async (t) => {
    const { sse, streamUrl } = await start(t, '<% MercureStream topic="a" with_subscriptions %>');
    const stream = await openStream(t, await streamUrl());
    const event = (await stream.next())!;
    assert.equal(event.event, "mercure");
    const told = JSON.parse(event.data) as object;
    assert.deepEqual(await sse.getSubscriptions("a"), [told]);
    assert.equal(await sse.isConnected("a"), true);
  });

  test("rejects payloads other than objects", async (t) => {
    const { render } = await start(t, "", { payloadGetter: () => "ada" });
    assert.throws(() => render("MercureStream", { topic: "a", private: true }), /Mercure 1.0 must be an object/);
  });
});

describe("a topic matcher", () => {
  const wrong: [topic: object, message: RegExp, protocol?: 0 | 1][] = [
    [{ match: "/books/:id", match_type: "urlpattern" }, /URL patterns need Mercure 1.0/, 0],
    [{ match: "a", match_type: "regexp" }, /match_type .* is "regexp"; it must be exact or urlpattern/],
    [{ match: "" }, /needs match/],
    [{ match: "orders/undefined" }, /one of its values is missing/],
    [{ topic: "a" }, /A topic is a plain object/],
  ];
  for (const [topic, message, protocol = 1] of wrong) {
    test(`is rejected as ${JSON.stringify(topic)} with protocol ${protocol}`, (t) => {
      const { kit } = application(t, {}, { protocol });
      assert.throws(() => kit.sse.hubUrl(topic), { code: "ERR_TOPIC", message });
    });
  }

  test("is for streams, and rejected by publish", async (t) => {
    const { kit } = application(t, {}, { protocol: 1, tokenMode: "url" });
    await assert.rejects(kit.sse.publish({ match: "a" }, "x"), { code: "ERR_TOPIC" });
  });
});

describe("the hub of an application", () => {
  test("trusts the issuers in its options, tells clients of them, and keeps their limits", async (t) => {
    const issuer = "https://id.example";
    const secret = "issuer-secret-issuer-secret-0032";
    const resource = `https://shop.example${hubPath}`;
    const hub = { issuers: [{ issuer, secret }], authorizationServers: issuer, maxConnections: 1 };
    const { origin, sse } = await start(t, "", { publicHubUrl: resource, hub });
    const token = (iss: string) => {
      const topics = [{ match: "orders/7" }];
      const details = [{ type: "https://mercure.rocks/authorization-detail", actions: ["subscribe"], topics }];
      return new SignJWT({ iss, aud: resource, authorization_details: details })
        .setProtectedHeader({ alg: "HS256", typ: "at+jwt" })
        .setExpirationTime("10m")
        .sign(new TextEncoder().encode(secret));
    };
    const url = `${origin}${hubPath}?match=orders%2F7`;
    const headersFor = async (iss: string) => ({ Authorization: `Bearer ${await token(iss)}` });
    assert.equal((await fetch(url, { headers: await headersFor("https://shop.example") })).status, 401);
    const stream = await openStream(t, url, { headers: await headersFor(issuer) });
    await sse.publish("orders/7", "private", { private: true });
    assert.equal((await stream.next())!.data, "private");
    assert.equal((await fetch(url, { headers: await headersFor(issuer) })).status, 429);
    const metadata = (await (await fetch(origin + metadataPath)).json()) as Record<string, unknown>;
    assert.deepEqual(metadata.authorization_servers, [issuer]);
  });
});
