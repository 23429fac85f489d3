import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import type { Request, Response } from "express";
import { decodeJwt, SignJWT } from "jose";
import type { MercureOptions } from "../../src/index.js";
import { type Application, type ApplicationSetup, application, streamUrlOf } from "../support/application.js";
import { BrowserSession } from "../support/browser-session.js";
import { openStream } from "../support/event-stream.js";
import { ManualClock } from "../support/manual-clock.js";

const page = "<% MercureStream topic=topic private %>";
const sameOrigin = { "Sec-Fetch-Site": "same-origin" };

interface Started extends Application {
  readonly origin: string;
  /** The state that a browser sees at `/` for a topic when it starts here. */
  show(session: BrowserSession, topic?: string): Promise<{ html: string; url: string; renewal: string | undefined }>;
}

/** An application that identifies a visitor by the cookie `user`, whose own topic is `user/…`. */
async function start(
  t: Parameters<typeof application>[0],
  options: MercureOptions = {},
  setup: ApplicationSetup = {},
): Promise<Started> {
  const started = application(t, { "templates/index.njk": page }, options, setup);
  const { app, kit } = started;
  app.get("/", (req, res) => res.render("index.njk", { topic: String(req.query.topic) }));
  app.post("/sign-out", (_req, res) => {
    kit.sse.deleteAuthzCookie(res);
    res.sendStatus(204);
  });
  const origin = await started.listen();
  return {
    ...started,
    origin,
    async show(session, topic = "a") {
      const response = await session.fetch(`${origin}/?topic=${encodeURIComponent(topic)}`);
      const html = await response.text();
      const renewal = /data-mercure-renew="([^"]+)"/.exec(html)?.[1];
      return {
        html,
        url: streamUrlOf(html, origin),
        renewal: renewal && new URL(renewal.replaceAll("&amp;", "&"), origin).href,
      };
    },
  };
}

const userOf = (req: Request) => /(?:^|; )user=(\w+)/.exec(req.headers.cookie ?? "")?.[1];
const ownTopic = (req: Request, topics: readonly string[]) => topics.every((topic) => topic === `user/${userOf(req)}`);

describe("a private stream by cookie", () => {
  test("receives without a token in any markup, and its page stays out of caches", async (t) => {
    const { kit, origin, show } = await start(t, { tokenMode: "cookie" });
    const session = new BrowserSession();
    const { html, url } = await show(session);
    assert.doesNotMatch(html, /authorization|eyJ/);
    assert.match(url, /&grant=[\w-]{22}&/);
    const answer = await fetch(`${origin}/?topic=a`);
    assert.equal(answer.headers.get("Cache-Control"), "private, no-store");
    await answer.text();
    const stream = await openStream(t, url, { headers: session.headers(url) });
    await kit.sse.publish("a", "secret", { private: true });
    assert.equal((await stream.next())?.data, "secret");
  });

  // A stranger's script reads the cookie; another site's page, or a stranger on the network, uses it.
  test("protects its cookies from scripts and other sites, and on HTTPS from the network", async (t) => {
    const options = { tokenMode: "cookie", protocol: 1, authzCookieDomain: "example.com" } as const;
    const { app, origin, warnings } = await start(t, options);
    app.set("trust proxy", true);
    const session = new BrowserSession();
    await (await session.fetch(`${origin}/?topic=a`, { headers: { "X-Forwarded-Proto": "https" } })).text();
    const [key = "", token = "", mark = "", ...others] = session.set;
    assert.deepEqual(others, []);
    assert.match(
      mark,
      /^__Secure-mercure_access_token_at_[\w-]{8}_[\w-]{22}=[a-z\d]+\.[a-z\d]+; Domain=example.com; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    assert.match(
      key,
      /^__Secure-mercure_access_token_key_[\w-]{8}=[\w-]{22}; Domain=example.com; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    assert.match(
      token,
      /^__Secure-mercure_access_token_[\w-]{22}=[\w.-]+; Domain=example.com; Path=\/\.well-known\/mercure; HttpOnly; Secure; SameSite=Strict$/,
    );
    assert.ok(!warnings.join().includes("without Secure"));
  });

  test("warns, once, of plain HTTP, where browsers reject cookies with the attribute or the prefix", async (t) => {
    const { show, warnings } = await start(t, { tokenMode: "cookie", protocol: 1 });
    const session = new BrowserSession();
    await show(session);
    await show(session, "b");
    for (const cookie of session.set) assert.match(cookie, /^mercure_access_token_(?!.*Secure)/);
    assert.equal(warnings.filter((warning) => warning.includes("without Secure")).length, 1);
  });

  test("has a cookie of its own beside those of other pages, and shares it for equal topics", async (t) => {
    const { kit, show } = await start(t, { tokenMode: "cookie" });
    const session = new BrowserSession();
    const [a, b, again] = [await show(session, "a"), await show(session, "b"), await show(session, "a")];
    assert.equal(session.names.length, 5, "a key, and two grants with their marks");
    for (const [{ url }, topic] of [
      [a, "a"],
      [b, "b"],
      [again, "a"],
    ] as const) {
      const stream = await openStream(t, url, { headers: session.headers(url) });
      await kit.sse.publish(topic, topic, { private: true });
      assert.equal((await stream.next())?.data, topic);
    }
  });

  test("deletes the oldest of too many", async (t) => {
    const clock = new ManualClock();
    const { show } = await start(t, { tokenMode: "cookie" }, { clock });
    const session = new BrowserSession();
    const first = await show(session, "topic/0");
    for (let i = 1; i < 14; i++) {
      clock.advance(1);
      await show(session, `topic/${i}`);
    }
    const grants = session.names.filter((name) => /Authorization_[\w-]{22}$/.test(name));
    assert.ok(grants.length >= 6 && grants.length < 12, `${grants.length} grants`);
    assert.equal(session.names.length, 1 + 2 * grants.length, "a key, and a mark for each grant");
    const stream = await openStream(t, first.url, { headers: session.headers(first.url) });
    assert.equal((await stream.next())?.data, "expired");
  });

  // Token replay after logout: on a shared computer the next user's browser still has the last one's cookies.
  test("is invalid after the sign-out, which issues no token", async (t) => {
    const { origin, show } = await start(t, { tokenMode: "cookie" });
    const session = new BrowserSession();
    const { url } = await show(session);
    session.set.length = 0;
    await session.fetch(`${origin}/sign-out`, { method: "POST" });
    for (const cookie of session.set) assert.match(cookie, /=; .*Expires=Thu, 01 Jan 1970/);
    const stream = await openStream(t, url, { headers: session.headers(url) });
    assert.equal((await stream.next())?.data, "expired");
    await show(session, "b");
    const later = await openStream(t, url, { headers: session.headers(url) });
    assert.equal((await later.next())?.data, "expired", "nor with the key of the next user");
  });

  // Cookies ignore ports: another application of the same host, on another port, replaces a visitor's token by its own.
  for (const protocol of [0, 1] as const) {
    test(`of Mercure ${protocol} stays beside that of another application on a port of the same host`, async (t) => {
      const options = { tokenMode: "cookie", protocol, authorize: () => true } as const;
      const one = await start(t, options);
      const other = await start(t, { ...options, secret: "another secret of as many characters" });
      const session = new BrowserSession();
      const shown = await one.show(session);
      const { url } = await other.show(session);
      for (const [{ kit }, address] of [
        [one, shown.url],
        [other, url],
      ] as const) {
        const stream = await openStream(t, address, { headers: session.headers(address) });
        await kit.sse.publish("a", "secret", { private: true });
        assert.equal((await stream.next())?.data, "secret");
      }
      const renewed = await session.fetch(shown.renewal!, { method: "POST", headers: sameOrigin });
      assert.equal(renewed.status, 204);

      other.app.get("/out", (_req, res) => {
        other.kit.sse.deleteAuthzCookie(res);
        res.send("Signed out");
      });
      await session.fetch(`${other.origin}/out`);
      const refused = await openStream(t, url, { headers: session.headers(url) });
      assert.equal((await refused.next())?.data, "expired", "of the application whose visitor has signed out");
      const kept = await openStream(t, shown.url, { headers: session.headers(shown.url) });
      assert.equal((await kept.next())?.data, "secret", "of the other application");
    });
  }

  test("works again in the same response that has deleted all cookies", async (t) => {
    const { app, kit, origin, show } = await start(t, { tokenMode: "cookie" });
    app.get("/as-another", (_req, res) => {
      kit.sse.deleteAuthzCookie(res);
      res.render("index.njk", { topic: "a" });
    });
    const session = new BrowserSession();
    const before = await show(session);
    const old = session.headers(before.url);
    const url = streamUrlOf(await (await session.fetch(`${origin}/as-another`)).text(), origin);
    const stream = await openStream(t, url, { headers: session.headers(url) });
    await kit.sse.publish("a", "secret", { private: true });
    assert.equal((await stream.next())?.data, "secret");
    const [oldKey, newKey] = [old, session.headers(url)].map(
      ({ Cookie }) => /_key_[\w-]{8}=([\w-]+)/.exec(Cookie!)?.[1],
    );
    assert.notEqual(newKey, oldKey);
  });

  test("cannot be rendered without a response for its cookie", async (t) => {
    const { app, kit, origin } = await start(t, { tokenMode: "cookie" });
    const render = () => kit.render("MercureStream", { topic: "a", private: true });
    assert.throws(render, { code: "ERR_TOKEN", message: /no response/ });
    let late: unknown;
    app.get("/late", (_req, res) => {
      res.write("begun");
      try {
        render();
      } catch (error) {
        late = error;
      }
      res.end();
    });
    await (await fetch(`${origin}/late`)).text();
    assert.equal((late as { code: string }).code, "ERR_TOKEN");
  });

  // The browser would ignore the cookie, and the stream request it again and again.
  test("is an error where its token is longer than the max of a cookie", async (t) => {
    const { app, kit, origin } = await start(t, { tokenMode: "cookie" });
    const topics = (count: number) => Array.from({ length: count }, (_, i) => `${"long".repeat(20)}/${i}`);
    app.get("/topics/:count", (req, res) => {
      res.send(String(kit.render("MercureStream", { topic: topics(Number(req.params.count)), private: true })));
    });
    assert.equal((await fetch(`${origin}/topics/20`)).status, 200);
    const answer = await fetch(`${origin}/topics/40`);
    assert.equal(answer.status, 500);
    assert.match(await answer.text(), /too many for a browser/);
  });

  // Header injection: a topic of a visitor's choice ends a header and begins another.
  test("keeps line breaks of a topic out of headers", async (t) => {
    const { origin, show } = await start(t, { tokenMode: "cookie" });
    const session = new BrowserSession();
    const refused = await session.fetch(`${origin}/?topic=${encodeURIComponent("a\r\nSet-Cookie: user=eve;é")}`);
    assert.equal(refused.status, 500);
    assert.deepEqual(session.set, []);
    await show(session, "a; Set-Cookie: user=eve;é");
    assert.equal(session.set.length, 3);
    for (const cookie of session.set) assert.match(cookie, /^mercureAuthorization_[\w-]+=[\w.-]+; [\w=/;. -]+$/);
  });
});

describe("a private topic with a name of the visitor's choice", () => {
  class Member {
    readonly id: string;
    constructor(id: string) {
      this.id = id;
    }
  }

  // An attacker signs up as `{+name}`, or as `*`: a token for their own topic would grant everybody's.
  for (const name of ["{+name}", "ada{x}", "{/x}"]) {
    test(`grants no pattern: ${name}`, async (t) => {
      const { kit, origin } = await start(t);
      for (const topic of [`user/${name}`, new Member(name), { match: `user/${name}` }]) {
        const refused = { code: "ERR_TOPIC", message: /is a pattern/ };
        assert.throws(() => kit.render("MercureStream", { topic }), refused);
        assert.throws(() => kit.render("MercurePresence", { topic, hx_get: "/people" }), Error);
        assert.throws(() => kit.sse.hubUrl(topic), refused);
        assert.throws(() => kit.render("MercureStream", { topic, private: true }), refused);
        assert.throws(() => kit.render("MercureStreamContext", { topics: ["a", topic], private: true }), Error);
        assert.throws(() => kit.sse.authenticatedHubUrl(topic), refused);
        assert.throws(() => kit.sse.authentifiedHubUrl(topic), refused);
        assert.throws(() => kit.sse.subscriberJwt(topic), refused);
        assert.throws(() => kit.sse.createSubscriberJwt(["a", topic]), refused);
        assert.throws(() => kit.sse.createPublisherJwt(topic), refused);
      }
      assert.equal((await fetch(`${origin}/?topic=${encodeURIComponent(`user/${name}`)}`)).status, 500);
    });
  }

  for (const protocol of [0, 1] as const) {
    test(`does not grant all topics in Mercure ${protocol}.x`, async (t) => {
      const { kit } = await start(t, { protocol, tokenMode: "url" });
      for (const topic of ["*", { match: "*" }]) {
        assert.throws(() => kit.render("MercureStream", { topic, private: true }), { code: "ERR_TOPIC" });
        assert.throws(() => kit.sse.createSubscriberJwt(topic), { code: "ERR_TOPIC" });
      }
    });
  }

  test("is streamed as a pattern by no route", async (t) => {
    const { app, kit, origin } = await start(t);
    app.get(
      "/orders/:id",
      kit.sse.stream((req) => `orders/${req.params.id}`),
    );
    app.get(
      "/all",
      kit.sse.stream((req) => String(req.query.topic)),
    );
    const named = await openStream(t, `${origin}/orders/%7B+id%7D`);
    await kit.sse.publish("orders/7", "of another", { private: true });
    await kit.sse.publish("orders/{+id}", "own", { private: true });
    assert.equal((await named.next())?.data, "own");
    assert.equal((await fetch(`${origin}/all?topic=*`)).status, 500);
  });

  // The same attack on streams that the application opens itself, which get private updates without a token.
  test("is the name of one topic for code in the process, whatever is in it", async (t) => {
    const { app, kit, origin } = await start(t);
    const { hub, sse } = kit;
    app.get("/list/:name", (req, res) => hub.stream(req, res, { topics: [`user/${req.params.name}`], private: true }));
    app.get("/text/:name", (req, res) => hub.stream(req, res, { topics: `user/${req.params.name}`, private: true }));
    for (const name of ["{+x}", "ada{x}", "{/x}", "*", ":x", "{", "(.*)"]) {
      const topic = `user/${name}`;
      const readers = [sse.updates(topic), sse.updates(new Member(name)), hub.updates(topic), hub.updates([topic])];
      const updates = readers.map((reader) => reader.next());
      const streams = [
        await openStream(t, `${origin}/list/${encodeURIComponent(name)}`),
        await openStream(t, `${origin}/text/${encodeURIComponent(name)}`),
      ];
      for (const other of ["user/ada", "Member/ada", "u", "*x"]) await sse.publish(other, "of ada", { private: true });
      await sse.publish([topic, `Member/${name}`], "own", { private: true });
      for (const each of updates) assert.equal((await each).value?.data, "own", name);
      for (const stream of streams) assert.equal((await stream.next())?.data, "own", name);
      for (const reader of readers) await reader.return?.();
      for (const stream of streams) stream.close();
    }
  });

  test("never stands for all topics", async (t) => {
    const { kit } = await start(t);
    const refused = { code: "ERR_TOPIC", message: /all topics/ };
    for (const topic of ["*", { match: "*" }, ["a", "*"]]) {
      assert.throws(() => kit.sse.updates(topic), refused);
      assert.throws(() => kit.hub.updates(topic as string), refused);
      assert.throws(() => kit.sse.stream(topic), refused);
      assert.throws(() => kit.sse.hubUrl(topic), refused);
      assert.throws(() => kit.render("MercureStream", { topic }), refused);
    }
  });

  // A stream of a literal name must stay apart from a stream of the pattern with the same text.
  test("shares no updates with a stream of the pattern of the same text", async (t) => {
    const { app, kit, origin } = await start(t);
    app.get("/pattern", kit.sse.stream({ match: "user/{+x}", match_type: "uritemplate" }));
    app.get(
      "/name",
      kit.sse.stream(() => "user/{+x}"),
    );
    const [pattern, name] = [await openStream(t, `${origin}/pattern`), await openStream(t, `${origin}/name`)];
    await kit.sse.publish("user/ada", "of ada", { private: true });
    await kit.sse.publish("user/{+x}", "own", { private: true });
    assert.equal((await name.next())?.data, "own");
    assert.equal((await pattern.next())?.data, "of ada");
    assert.equal((await pattern.next())?.data, "own");
  });

  test("ends, and counts, the streams of the one topic alone", async (t) => {
    const { app, kit, origin } = await start(t);
    app.get(
      "/:name",
      kit.sse.stream((req) => `user/${req.params.name}`),
    );
    const ada = await openStream(t, `${origin}/ada`);
    assert.equal(await kit.sse.isConnected("user/{+x}"), false);
    assert.deepEqual(await kit.sse.getSubscriptions(["user/{+x}", "*"]), []);
    assert.deepEqual(kit.sse.presence(["user/{+x}", "*"]), []);
    await kit.sse.disconnect({ topic: ["user/{+x}", "*"] });
    await kit.sse.publish("user/ada", "still there", { private: true });
    assert.equal((await ada.next())?.data, "still there");
  });

  test("can be a pattern on request", async (t) => {
    const { kit, origin } = await start(t);
    const topic = { match: "user/{name}", match_type: "uritemplate" } as const;
    const html = String(kit.render("MercureStream", { topic, private: true }));
    const stream = await openStream(t, streamUrlOf(html, origin));
    await kit.sse.publish("user/ada", "for all users", { private: true });
    assert.equal((await stream.next())?.data, "for all users");
    assert.deepEqual(decodeJwt(kit.sse.createSubscriberJwt(topic)).mercure, { subscribe: ["user/{name}"] });
    const { kit: next } = await start(t, { protocol: 1 });
    assert.throws(() => next.sse.createSubscriberJwt(topic), { code: "ERR_TOPIC", message: /Mercure 0.x/ });
  });
});

describe("authorize", () => {
  const users = { authorize: ownTopic };

  test("decides when a page is rendered: 403 where it refuses", async (t) => {
    const { origin } = await start(t, users);
    const status = async (topic: string, headers = {}) =>
      (await fetch(`${origin}/?topic=${topic}`, { headers })).status;
    assert.equal(await status("user/ada", { Cookie: "user=ada" }), 200);
    assert.equal(await status("user/ada", { Cookie: "user=eve" }), 403);
    assert.equal(await status("user/ada"), 403);
  });

  test("is asked about the topics of subscription events", async (t) => {
    const asked: unknown[] = [];
    const authorize = (_req: Request, topics: readonly string[], action: string) => {
      asked.push([topics, action]);
      return true;
    };
    const { app, origin, kit } = await start(t, { authorize });
    app.get("/presence", (_req, res) => {
      res.send(`${kit.render("MercurePresence", { topic: "a/b", hx_get: "/x" })}`);
    });
    await (await fetch(`${origin}/presence`)).text();
    assert.deepEqual(asked, [[["a/b"], "render"]]);
  });

  test("can return a promise if it is called before rendering", async (t) => {
    const { app, kit, origin } = await start(t, { authorize: async (req, topics) => ownTopic(req, topics) });
    app.get("/known", async (req, res) => {
      if (await kit.sse.authorize(req, "user/ada")) res.render("index.njk", { topic: "user/ada" });
      else res.status(404).send("Not here");
    });
    app.get("/ignored", async (req, res) => {
      await kit.sse.authorize(req, "user/ada");
      res.render("index.njk", { topic: "user/ada" });
    });
    const eve = { headers: { Cookie: "user=eve" } };
    assert.equal((await fetch(`${origin}/known`, { headers: { Cookie: "user=ada" } })).status, 200);
    assert.equal((await fetch(`${origin}/known`, eve)).status, 404);
    assert.equal((await fetch(`${origin}/ignored`, eve)).status, 403);
    const unasked = await fetch(`${origin}/?topic=user/ada`);
    assert.equal(unasked.status, 500);
    assert.match(await unasked.text(), /await sse\.authorize\(req, topics\)/);
  });

  test("refuses with every value but true", async (t) => {
    const { origin } = await start(t, { authorize: () => "yes" as never });
    assert.equal((await fetch(`${origin}/?topic=a`)).status, 403);
  });

  test("is asked for a stream with a cookie: a user who has lost access is rejected", async (t) => {
    let isMember = true;
    const isAsked = (action: string) => (action === "render" ? isMember : Promise.resolve(isMember));
    const options = { tokenMode: "cookie", authorize: (_req, _topics, action) => isAsked(action) } as MercureOptions;
    const { show } = await start(t, options);
    const session = new BrowserSession();
    const { url } = await show(session);
    isMember = false;
    const stream = await openStream(t, url, { headers: session.headers(url) });
    assert.equal((await stream.next())?.data, "forbidden");
  });

  test("warns when it identifies the user at a page, but not at the hub", async (t) => {
    const { app, warnings, listen } = application(t, { "templates/index.njk": page }, { authorize: () => true });
    app.use((req, _res, next) => {
      Object.assign(req, { session: { user: "ada" } });
      next();
    });
    app.get("/", (_req, res) => res.render("index.njk", { topic: "a" }));
    const origin = await listen();
    for (let i = 0; i < 2; i++) await (await fetch(origin)).text();
    assert.match(warnings.join(), /authorize sees req\.session for a page, but not for the hub/);
    assert.equal(warnings.length, new Set(warnings).size);
  });
});

describe("the renewal of a token", () => {
  const lifetime = { tokenLifetime: 60 };
  /** A stream of Ada's by URL, whose token has expired. */
  async function expired(t: Parameters<typeof application>[0], options: MercureOptions = {}) {
    const clock = new ManualClock();
    const started = await start(t, { ...lifetime, authorize: ownTopic, ...options }, { clock });
    const response = await fetch(`${started.origin}/?topic=user/ada`, { headers: { Cookie: "user=ada" } });
    const html = await response.text();
    const url = streamUrlOf(html, started.origin);
    const token = /authorization=([\w.-]+)/.exec(url)?.[1] ?? "";
    const renewal = new URL(/data-mercure-renew="([^"]+)"/.exec(html)![1]!, started.origin).href;
    clock.advance(3600);
    const ask = (headers: Record<string, string>, old = token, method = "POST") =>
      fetch(renewal, { method, headers: { Authorization: `Bearer ${old}`, ...headers } });
    return { ...started, clock, token, url, renewal, ask, html };
  }

  test("gives an authorized viewer a token for exactly the same topics", async (t) => {
    const { ask, token, clock } = await expired(t);
    const answer = await ask({ Cookie: "user=ada", ...sameOrigin });
    assert.deepEqual([answer.status, answer.headers.get("Cache-Control")], [200, "no-store"]);
    const renewed = decodeJwt(((await answer.json()) as { token: string }).token);
    assert.deepEqual(renewed.mercure, decodeJwt(token).mercure);
    assert.equal(Math.floor(renewed.exp!), Math.floor(clock.now() / 1000) + 60);
  });

  // A leaked token renews itself forever.
  test("rejects a token alone, and another user with a stolen one", async (t) => {
    const { ask } = await expired(t);
    assert.equal((await ask(sameOrigin)).status, 403);
    assert.equal((await ask({ Cookie: "user=eve", ...sameOrigin })).status, 403);
  });

  // CSRF: a page of another site makes the visitor's browser send the request, with the visitor's session.
  test("rejects pages of other sites", async (t) => {
    const { ask, origin } = await expired(t);
    const from = (headers: Record<string, string>) => ask({ Cookie: "user=ada", ...headers });
    assert.equal((await from({ "Sec-Fetch-Site": "cross-site", Origin: "https://evil.example" })).status, 403);
    // A page of the same host over plain HTTP, where a proxy in front of the application serves HTTPS.
    assert.equal((await from({ "Sec-Fetch-Site": "cross-site", Origin: origin })).status, 403);
    assert.equal((await from({ "Sec-Fetch-Site": "same-site", Origin: origin })).status, 403);
    assert.equal((await from({ Origin: "null" })).status, 403);
    assert.equal((await from({})).status, 403);
    assert.equal((await from({ Origin: origin })).status, 200);
    assert.equal((await ask({ Cookie: "user=ada", ...sameOrigin }, undefined, "PUT")).status, 405);
  });

  // A forger names topics that were never granted, or presents a token for another purpose.
  test("accepts only tokens that the application has signed for streams", async (t) => {
    const { ask, token, kit } = await expired(t);
    const [head, payload, signature] = token.split(".") as [string, string, string];
    const forged = Buffer.from(JSON.stringify({ mercure: { subscribe: ["*"] } })).toString("base64url");
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
    const bad = [
      `${head}.${forged}.${signature}`,
      `${none}.${payload}.`,
      `${head}.${payload}.${signature}.x`,
      kit.sse.createPublisherJwt("user/ada"),
      "x",
    ];
    for (const each of bad) assert.equal((await ask({ Cookie: "user=ada", ...sameOrigin }, each)).status, 401, each);
  });

  test("sets the cookie again where the token is in one", async (t) => {
    const clock = new ManualClock();
    const options = { ...lifetime, tokenMode: "cookie", authorize: () => true } as const;
    const { kit, origin, show } = await start(t, options, { clock });
    const session = new BrowserSession();
    const { url, renewal } = await show(session);
    clock.advance(60);
    const old = await openStream(t, url, { headers: session.headers(url) });
    assert.equal((await old.next())?.data, "expired");
    const answer = await session.fetch(renewal!, { method: "POST", headers: sameOrigin });
    assert.equal(answer.status, 204);
    const stream = await openStream(t, url, { headers: session.headers(url) });
    await kit.sse.publish("a", "after", { private: true });
    assert.equal((await stream.next())?.data, "after");
    // Without the key, as after signing out, the old token is invalid.
    await session.fetch(`${origin}/sign-out`, { method: "POST" });
    assert.equal((await session.fetch(renewal!, { method: "POST", headers: sameOrigin })).status, 401);
  });

  // An open redirect, or the Host header, sends tokens to a stranger's server.
  test("has an address that no request changes", async (t) => {
    const { origin } = await expired(t);
    const headers = { Cookie: "user=ada", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https" };
    for (const path of ["/?topic=user/ada&next=//evil.example", "//evil.example/../?topic=user/ada"]) {
      const html = await (await fetch(origin + path, { headers })).text();
      for (const [, url] of html.matchAll(/(?:sse-connect|data-mercure-renew)="([^"]+)"/g)) {
        assert.match(url!, /^\/\.well-known\/mercure/);
      }
    }
  });

  // A script that has found a cookie's token, as in a log, exchanges it for one that needs no cookie.
  test("hides a cookie's token from scripts, and renews no other cookie", async (t) => {
    const { app, kit, show, origin } = await start(t, { tokenMode: "cookie", authorize: () => true });
    app.post("/sign-in", (_req, res) => {
      kit.sse.setAuthzCookie(res, "a");
      res.sendStatus(204);
    });
    const session = new BrowserSession();
    const { url, renewal } = await show(session);
    const [, token] = /mercureAuthorization_[\w-]{22}=([\w.-]+)/.exec(session.headers(url).Cookie!)!;
    const ask = (address: string, headers = {}) =>
      session.fetch(address, { method: "POST", headers: { ...sameOrigin, ...headers } });
    assert.equal((await ask(renewal!, { Authorization: `Bearer ${token}` })).status, 401);
    await session.fetch(`${origin}/sign-in`, { method: "POST" });
    for (const query of ["", "?grant=", "?grant=key", "?grant=x"]) {
      assert.equal((await ask(renewal!.replace(/\?.*/, query))).status, 401, query);
    }
  });

  test("is served only with authorize, because otherwise the page's own route decides", async (t) => {
    const { origin, show } = await start(t);
    assert.equal((await show(new BrowserSession())).renewal, undefined);
    const answer = await fetch(`${origin}/.well-known/mercure/renewal`, { method: "POST", headers: sameOrigin });
    assert.equal(answer.status, 404);
  });

  test("is served for a remote hub too, at a path of the application", async (t) => {
    const hubUrl = "http://127.0.0.1:1/.well-known/mercure";
    const { ask, renewal } = await expired(t, { hubUrl });
    assert.match(renewal, /\/mercure-renewal$/);
    assert.equal((await ask({ Cookie: "user=ada", ...sameOrigin })).status, 200);
  });
});

describe("a remote hub", () => {
  test("gets one cookie at all paths, for all streams of the page", async (t) => {
    const options = { hubUrl: "http://127.0.0.1:1/.well-known/mercure", tokenMode: "cookie" } as const;
    const { app, origin, kit } = await start(t, options);
    app.get("/two", (_req, res) => {
      const streams = ["a", "b"].map((topic) => kit.render("MercureStream", { topic, private: true }));
      res.send(streams.join(""));
    });
    const session = new BrowserSession();
    const html = await (await session.fetch(`${origin}/two`)).text();
    assert.equal(session.set.length, 1);
    const [, jwt = ""] =
      /^mercureAuthorization=([\w.-]+); Path=\/; HttpOnly; SameSite=Strict$/.exec(session.set[0]!) ?? [];
    assert.deepEqual(decodeJwt(jwt).mercure, { subscribe: ["a", "b"] });
    assert.match(html, /lastEventID=[^&"]+#grant=[\w-]{22}"/, "the mark is for the library's script alone");
  });
});

describe("the manual functions for tokens", () => {
  test("setAuthzCookie sets a token for streams without a grant's name, and deleteAuthzCookie deletes it", async (t) => {
    const { app, kit, origin } = await start(t, { tokenMode: "cookie" });
    app.post("/sign-in", (_req, res) => {
      kit.sse.setAuthzCookie(res, ["a", "b"]);
      res.sendStatus(204);
    });
    app.post("/jwt", (_req, res) => {
      kit.sse.setAuthzCookie(res, { jwt: kit.sse.createSubscriberJwt("c") });
      res.sendStatus(204);
    });
    const session = new BrowserSession();
    await session.fetch(`${origin}/sign-in`, { method: "POST" });
    const url = `${origin}/.well-known/mercure?topic=b`;
    const stream = await openStream(t, url, { headers: session.headers(url) });
    await kit.sse.publish("b", "private", { private: true });
    assert.equal((await stream.next())?.data, "private");
    const names = session.names;
    await session.fetch(`${origin}/jwt`, { method: "POST" });
    assert.deepEqual(session.names, names);
    await session.fetch(`${origin}/sign-out`, { method: "POST" });
    assert.deepEqual(session.names, []);
  });

  // A user signs out, and continues with a copy of a token without a subject.
  test("setAuthzCookie issues a token in the requester's name", async (t) => {
    const options: MercureOptions = { subjectGetter: userOf, payloadGetter: (topics) => ({ topics }) };
    const { app, kit, origin } = await start(t, options);
    app.post("/sign-in", (_req, res) => {
      kit.sse.setAuthzCookie(res, ["a", "b"]);
      res.sendStatus(204);
    });
    const answer = await fetch(`${origin}/sign-in`, { method: "POST", headers: { Cookie: "user=ada" } });
    const [, jwt = ""] = /=(eyJ[\w.-]+)/.exec(answer.headers.getSetCookie().join())!;
    const { sub, mercure } = decodeJwt(jwt);
    assert.deepEqual([sub, mercure], ["ada", { subscribe: ["a", "b"], payload: { topics: ["a", "b"] } }]);
    await kit.sse.disconnect({ subject: "ada" });
    const url = `${origin}/.well-known/mercure?topic=a`;
    assert.equal((await fetch(url, { headers: { Authorization: `Bearer ${jwt}` } })).status, 401);
  });

  // Header injection by a value from outside.
  test("setAuthzCookie rejects a jwt that could end its header", async (t) => {
    const { app, kit, origin } = await start(t);
    app.get("/bad", (_req, res) => kit.sse.setAuthzCookie(res, { jwt: "a; Domain=evil.example\r\nX: y" }));
    assert.equal((await fetch(`${origin}/bad`)).status, 500);
  });

  for (const protocol of [0, 1] as const) {
    test(`createSubscriberJwt and createPublisherJwt make tokens of Mercure ${protocol}.x`, async (t) => {
      const { kit, origin } = await start(t, { protocol, hub: { allowPublish: true } });
      const now = Math.floor(Date.now() / 1000);
      const payload = { name: "Ada" };
      const subscriber = kit.sse.createSubscriberJwt("a", { payload, expiresIn: 90 });
      assert.ok(Math.abs(decodeJwt(subscriber).exp! - now - 90) <= 5);
      const hub = `${origin}/.well-known/mercure`;
      const url = `${hub}?${protocol === 0 ? "topic" : "match"}=a`;
      const stream = await openStream(t, url, { headers: { Authorization: `Bearer ${subscriber}` } });
      const published = await fetch(hub, {
        method: "POST",
        headers: { Authorization: `Bearer ${kit.sse.createPublisherJwt("a")}` },
        body: new URLSearchParams({ topic: "a", data: "over HTTP", private: "on" }),
      });
      assert.equal(published.status, 200);
      assert.equal((await stream.next())?.data, "over HTTP");
      assert.ok(JSON.stringify(decodeJwt(subscriber)).includes(JSON.stringify({ payload }).slice(1, -1)));
      assert.throws(() => kit.sse.createSubscriberJwt("a", { expiresIn: -1 }), { code: "ERR_OPTION" });
      assert.throws(() => kit.sse.createPublisherJwt("a", { expires: 1 } as object), { code: "ERR_OPTION" });
    });
  }
});

describe("a stream's token", () => {
  // Every reader of the update would have one viewer's grant.
  for (const protocol of [0, 1] as const) {
    test(`stays out of updates with Mercure ${protocol}.x, however the markup around it is built`, async (t) => {
      const { kit } = await start(t, { protocol, tokenMode: "url" });
      const stream = kit.render("MercureStream", { topic: "a", private: true });
      const composed = [
        stream,
        `<p>${stream}</p>`,
        kit.html`<p>${stream}</p>`,
        kit.oob(kit.html`<p id="x">${stream}</p>`),
      ];
      const bare = kit.sse.subscriberJwt("a");
      for (const data of [...composed, [stream], { html: stream }, bare, kit.sse.authenticatedHubUrl("a")]) {
        await assert.rejects(kit.sse.publish("b", data), { code: "ERR_TOKEN" });
      }
      await kit.sse.publish("b", kit.render("MercureStream", { topic: "a" }));
      await kit.sse.publish("b", `${kit.sse.createPublisherJwt("a")} ${bare.slice(0, -1)} ${bare.split(".")[0]}.`);
    });
  }

  test("stays out of updates when another program made it, in the URL of a stream", async (t) => {
    const { kit } = await start(t);
    const elsewhere = await new SignJWT({ mercure: { subscribe: ["a"] } })
      .setProtectedHeader({ alg: "HS256", kid: "1" })
      .sign(new TextEncoder().encode("another key, of 32 bytes or more"));
    const url = kit.environment.renderString('<p sse-connect="{{ mercure_hub_url("a", jwt) }}">', { jwt: elsewhere });
    for (const data of [url, kit.html`<p sse-connect="${kit.sse.hubUrl("a", elsewhere)}">`]) {
      await assert.rejects(kit.sse.publish("b", data), { code: "ERR_TOKEN" });
    }
    await kit.sse.publish("b", "What is ?authorization= for, and eyJ?");
  });

  // A proxy keeps the page, or its cookie, and gives it to the next visitor.
  test("stays out of every cache, however it gets into the response", async (t) => {
    const { app, kit, origin } = await start(t);
    const own = kit.sse.createSubscriberJwt("a");
    const stream = () => String(kit.render("MercureStream", { topic: "a", private: true }));
    const responses: Record<string, (res: Response) => void> = {
      "/tag": (res) => void res.send(stream()),
      "/global": (res) => void res.send(kit.environment.renderString('{{ mercure_authenticated_hub_url("a") }}', {})),
      "/jwt": (res) => void res.send(kit.sse.subscriberJwt("a")),
      "/url": (res) => void res.send(kit.sse.hubUrl("a", own)),
      "/variant": (res) => void res.send(String(kit.render("MercureStream", { topic: "a", variant: "de" }))),
      "/presence": (res) => void res.send(String(kit.render("MercurePresence", { topic: "a", hx_get: "/x" }))),
      "/set": (res) => {
        kit.sse.setAuthzCookie(res, "a");
        res.send("signed in");
      },
    };
    for (const [path, respond] of Object.entries(responses)) {
      app.get(path, (_req, res) => respond(res.set("Cache-Control", "public, max-age=600")));
      const answer = await fetch(origin + path);
      assert.equal(answer.headers.get("Cache-Control"), "private, no-store", path);
      await answer.text();
    }
  });

  test("is not rendered into a response that has begun without cache headers", async (t) => {
    const { app, kit, origin } = await start(t);
    const codes: unknown[] = [];
    app.get("/begun", (req, res) => {
      if (req.query.first === "private") res.set("Cache-Control", "private, no-store");
      res.write("begun");
      try {
        res.write(String(kit.render("MercureStream", { topic: "a", private: true })));
      } catch (error) {
        codes.push((error as { code: string }).code);
      }
      res.end();
    });
    assert.doesNotMatch(await (await fetch(`${origin}/begun`)).text(), /eyJ/);
    assert.deepEqual(codes, ["ERR_TOKEN"]);
    assert.match(await (await fetch(`${origin}/begun?first=private`)).text(), /eyJ/);
  });

  // Logs and bug reports travel further than their secrets should.
  test("stays out of errors and debug output, and so does the key", async (t) => {
    const { kit, origin, errors, show } = await start(t);
    const { url } = await show(new BrowserSession());
    const token = /authorization=([\w.-]+)/.exec(url)![1]!;
    const stream = await openStream(t, url);
    const shown = [
      inspect(kit, { depth: 20, showHidden: true }),
      JSON.stringify(kit),
      inspect(errors),
      String(await kit.sse.publish("x", kit.render("MercureStream", { topic: "a", private: true })).catch(inspect)),
      await (await fetch(`${origin}/.well-known/mercure?topic=&authorization=${token}`)).text(),
    ];
    for (const text of shown) assert.doesNotMatch(text, /eyJ[\w-]+\.|0123456789abcdef/);
    stream.close();
  });
});
