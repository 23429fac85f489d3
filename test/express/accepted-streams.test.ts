import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { NextFunction, Request, Response } from "express";
import fc from "fast-check";
import type { MercureOptions } from "../../src/index.js";
import { type Application, application, streamUrlOf } from "../support/application.js";
import { BrowserSession } from "../support/browser-session.js";
import { cases } from "../support/cases.js";
import { type EventStream, openStream } from "../support/event-stream.js";

const files = {
  "templates/stream.njk": "<p>\n  <% MercureStream topic=topic private=isPrivate or false, variant=variant %>",
  "templates/context.njk": "<p>\n  <% MercureStreamContext topics=topic with_presence %>.<% endMercureStreamContext %>",
  "templates/events.njk": "<p>\n  <% MercureStream topic=topic with_subscriptions %>",
  "templates/presence.njk": "<p>\n  <% MercurePresence topic=topic hx_get='/people' %>",
  "templates/url.njk": '<p sse-connect="{{ mercure_hub_url(topic) }}">',
};

interface Shown {
  readonly status: number;
  readonly text: string;
  /** The status of the hub's answer to the page's stream; undefined for a page that is an error. */
  readonly stream: number | undefined;
}

interface Started extends Application {
  readonly origin: string;
  show(context: object, template?: string, headers?: Record<string, string>): Promise<Shown>;
}

async function start(t: TestContext, options: MercureOptions = {}): Promise<Started> {
  const started = application(t, files, options);
  let context: object;
  started.app.get("/:template", (req, res) => res.render(`${req.params.template}.njk`, context));
  const origin = await started.listen();
  return {
    ...started,
    origin,
    async show(given, template = "stream", headers = {}) {
      context = given;
      const page = await fetch(`${origin}/${template}`, { headers });
      const text = await page.text();
      return {
        status: page.status,
        text,
        stream: page.ok ? await statusOf(streamUrlOf(text, origin), headers) : undefined,
      };
    },
  };
}

/** As the library's script asks, with the token in a header. */
async function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  const { searchParams, hash } = new URL(url);
  const token = searchParams.get("authorization") ?? new URLSearchParams(hash.slice(1)).get("authorization");
  const target = url.replace(/[&#]authorization=[^&]*/, "");
  const controller = new AbortController();
  const authorization = token === null ? {} : { Authorization: `Bearer ${token}` };
  const { status } = await fetch(target, { headers: { ...headers, ...authorization }, signal: controller.signal });
  controller.abort();
  return status;
}

const manyTopics = (count: number, length: number) =>
  Array.from({ length: count }, (_, index) => String(index).padStart(length, "orders/"));

/** Topics that the hub rejects, by their mistake: the template, its context, and the error message. */
const refused: Record<string, readonly [template: string, context: object, message: RegExp]> = {
  "a line break": ["stream", { topic: "a\nb" }, /contains U\+000A/],
  "half of a character": ["stream", { topic: "a\ud800" }, /contains U\+D800/],
  "a control character in one of several": ["context", { topic: ["a", "b\u0085"] }, /contains U\+0085/],
  "2049 characters": ["stream", { topic: "x".repeat(2049) }, /max 2049 characters long.*can have max 2048/],
  "too many characters with its variant": ["stream", { topic: "é".repeat(400), variant: "de" }, /can have max 2048/],
  "too many characters with its presence": ["presence", { topic: "é".repeat(400) }, /can have max 2048/],
  "too many characters with presence in a context": ["context", { topic: "é".repeat(400) }, /can have max 2048/],
  "too many characters with its subscribers": ["events", { topic: "é".repeat(400) }, /can have max 2048/],
  "a fragment, which is the hub's own URL": ["stream", { topic: "#general" }, /"#general" is reserved.*topics\/…/],
  "a name relative to the hub's URL": ["stream", { topic: ["a", "mercure"], variant: "de" }, /"mercure" is reserved/],
  "the presence of a query": ["presence", { topic: "?a=b" }, /"\?a=b" is reserved/],
  "a path below the hub": ["stream", { topic: "/%2ewell-known/mercure/a" }, /is reserved/],
  "201 topics": ["stream", { topic: manyTopics(201, 20) }, /201 topics.*max 200 topics/],
  "101 topics with their subscribers": ["events", { topic: manyTopics(101, 9) }, /202 topics.*max 200 topics/],
  "101 private topics with a variant": ["stream", { topic: manyTopics(101, 9), isPrivate: true, variant: 1 }, /202/],
  "more bytes than proxies take": ["stream", { topic: manyTopics(200, 80) }, /maxStreamUrlBytes allows 8000/],
  "a token that makes it too long": [
    "stream",
    { topic: manyTopics(75, 80), isPrivate: true },
    /maxStreamUrlBytes allows 8000/,
  ],
};

for (const protocol of [0, 1] as const) {
  describe(`in Mercure ${protocol}.x a page is an error that names the place`, () => {
    const tooLarge = [
      { match: "{a,b,c,d,e,f,g,h}".repeat(100), match_type: "uritemplate" },
      { match: "/:a(x{1,500}y{1,500})".repeat(40), match_type: "urlpattern" },
    ];
    const pattern = ["stream", { topic: tooLarge[protocol] }, /malformed, too large|too large in total/] as const;
    for (const [what, [template, context, message]] of Object.entries({ ...refused, "a large pattern": pattern })) {
      test(`for a stream of ${what}`, async (t) => {
        const { app, show } = await start(t, { protocol, tokenMode: "url" });
        let thrown: { code: string; message: string; template: string; line: number; column: number } | undefined;
        app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
          thrown = error as typeof thrown;
          res.sendStatus(500);
        });
        assert.equal((await show(context, template)).status, 500);
        assert.equal(thrown?.code, "ERR_TOPIC");
        assert.match(thrown.message, message);
        assert.deepEqual([thrown.template.split("/").at(-1), thrown.line, thrown.column], [`${template}.njk`, 2, 6]);
      });
    }
  });

  describe(`in Mercure ${protocol}.x the hub takes the stream of a page`, () => {
    const taken: Record<string, readonly [template: string, context: object]> = {
      "with a topic of 2048 characters": ["stream", { topic: "x".repeat(2048) }],
      "with 200 topics": ["stream", { topic: manyTopics(200, 12) }],
      "with private topics in a variant": ["stream", { topic: manyTopics(15, 9), isPrivate: true, variant: 1 }],
      "with the topic of subscriptions": ["stream", { topic: "/.well-known/mercure/subscriptions/a" }],
      "with an emoji of several": ["stream", { topic: "chat/👨‍👩‍👧", isPrivate: true, variant: "de" }],
      "that tells who is there": ["presence", { topic: "chat/👨‍👩‍👧" }],
      "that tells who subscribes": ["events", { topic: "chat/👨‍👩‍👧" }],
      "with a URL of plain htmx": ["url", { topic: ["users/علی‌رضا", "b"] }],
    };
    for (const [what, [template, context]] of Object.entries(taken)) {
      test(what, async (t) => {
        const { show } = await start(t, { protocol, tokenMode: "url" });
        const { text, stream } = await show(context, template);
        assert.equal(stream, 200, text);
      });
    }

    test("with any topics, or the page is an error", async (t) => {
      const { show } = await start(t, { protocol, tokenMode: "url", hub: { maxMatchers: 5, maxMatcherLength: 200 } });
      const unit = fc.constantFrom(
        "a",
        "/",
        "é",
        "\u200d",
        "\n",
        "{",
        "}",
        "{a}",
        "{+b*}",
        "~u200D.",
        "%",
        "👨‍👩‍👧",
        ":c",
        "(",
      );
      const topic = fc.oneof(fc.string({ unit, minLength: 1, maxLength: 30 }), fc.string({ unit, minLength: 60 }));
      await fc.assert(
        fc.asyncProperty(
          fc.array(topic, { minLength: 1, maxLength: 7 }),
          fc.boolean(),
          fc.constantFrom(undefined, "de"),
          fc.constantFrom("stream", "events", "presence", "context", "url"),
          async (topics, isPrivate, variant, template) => {
            const { status, text, stream } = await show({ topic: topics, isPrivate, variant }, template);
            if (status === 200) assert.equal(stream, 200);
            else assert.match(text, /topic|variant|pattern/i);
          },
        ),
        { numRuns: cases(150) },
      );
    });
  });
}

describe("the limits of the hub's options", () => {
  test("hold for pages as for requests", async (t) => {
    const { show } = await start(t, { hub: { maxMatchers: 2, maxMatcherLength: 10, maxTokenTopics: 1 } });
    assert.equal((await show({ topic: ["a", "b"] })).stream, 200);
    assert.equal((await show({ topic: ["a", "b", "c"] })).status, 500);
    assert.equal((await show({ topic: "12345678901" })).status, 500);
    assert.equal((await show({ topic: "a", isPrivate: true })).stream, 200);
    const refused = await show({ topic: ["a", "b"], isPrivate: true });
    assert.equal(refused.status, 500);
    assert.match(refused.text, /the max is 1/);
  });

  test("hold for published topics too, because no page could stream them", async (t) => {
    const { kit } = await start(t, { hub: { maxMatcherLength: 10 } });
    await kit.sse.publish("1234567890", "data");
    await assert.rejects(kit.sse.publish("12345678901", "data"), { code: "ERR_TOPIC", message: /maxMatcherLength/ });
    await assert.rejects(kit.sse.publish("a\nb", "data"), { code: "ERR_TOPIC", message: /contains U\+000A/ });
  });

  test("hold for tokens that the application makes for others", async (t) => {
    const { kit } = await start(t, { hub: { maxTokenTopics: 2 } });
    kit.sse.createSubscriberJwt(["a", "b"]);
    assert.throws(() => kit.sse.createSubscriberJwt(["a", "b", "c"]), { code: "ERR_TOPIC" });
    assert.throws(() => kit.sse.createPublisherJwt(["a", "b", "c"]), { code: "ERR_TOPIC" });
  });
});

describe("the URL of a stream", () => {
  test("can be longer where an option says so", async (t) => {
    const { show } = await start(t, { maxStreamUrlBytes: 0 });
    assert.equal((await show({ topic: manyTopics(125, 80) })).stream, 200);
  });

  // Cookies of the application and a long URL are together more than Node takes: the stream would be refused with 431.
  test("is refused where the browser's cookies leave it no room in a request's head", async (t) => {
    const { show } = await start(t);
    const topic = manyTopics(70, 80);
    assert.equal((await show({ topic })).stream, 200);
    const { status, text } = await show({ topic }, "stream", { Cookie: `session=${"x".repeat(8500)}` });
    assert.equal(status, 500);
    assert.match(text, /has room for \d+ beside the browser/);
    assert.equal((await show({ topic }, "stream", { Cookie: `session=${"x".repeat(5000)}` })).stream, 200);
  });

  test("is refused where the server was made for smaller heads", async (t) => {
    const { app, show } = await start(t);
    const server = createServer({ maxHeaderSize: 4096 }, app).listen(0, "127.0.0.1");
    t.after(() => server.close().closeAllConnections());
    await show({ topic: manyTopics(30, 80) });
    const small = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/stream`);
    assert.equal(small.status, 500);
    assert.match(await small.text(), /has room for \d+ beside the browser/);
  });
});

describe("a name with joiners", () => {
  const names = {
    emoji: "👨‍👩‍👧",
    Persian: "علی‌رضا",
    flag: "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
  };
  class Person {
    readonly id: string;
    constructor(id: string) {
      this.id = id;
    }
  }
  for (const protocol of [0, 1] as const) {
    for (const [kind, name] of Object.entries(names)) {
      test(`is a topic like any other, ${kind} in Mercure ${protocol}.x`, async (t) => {
        const asked: string[] = [];
        const payloads: string[] = [];
        const { app, kit, origin, show } = await start(t, {
          protocol,
          tokenMode: "url",
          authorize: (_req, topics) => void asked.push(...topics) === undefined,
          payloadGetter: (topics) => ({ id: String(payloads.push(...topics)) }),
        });
        app.get(
          "/own/stream",
          kit.sse.stream((req) => `users/${req.query.name}`),
        );
        const topic = `users/${name}`;
        const updates = kit.sse.updates(topic);
        const update = updates.next();
        const { text } = await show({ topic, isPrivate: true });
        const stream = await openStream(t, streamUrlOf(text, origin));
        const own = await openStream(t, `${origin}/own/stream?name=${encodeURIComponent(name)}`);
        await kit.sse.publish(topic, "hello", { private: true });
        assert.equal((await stream.next())?.data, "hello");
        assert.equal((await own.next())?.data, "hello");
        assert.deepEqual((await update).value?.topics, [topic]);
        assert.deepEqual([...new Set(asked)], [topic]);
        assert.deepEqual([...new Set(payloads)], [topic]);
        for (const { topic: named, match } of await kit.sse.getSubscriptions(topic))
          assert.equal(named ?? match, topic);
        assert.equal((await kit.sse.getSubscriptions(topic)).length, 2);
        assert.equal(await kit.sse.isConnected(topic), true);
        assert.equal(kit.sse.presence(topic).length, 2);
        await updates.return?.();
        await kit.sse.disconnect({ topic });
        assert.equal((await stream.next())?.event, "mercure:close");
      });
    }

    test(`is one in a variant, as a model's id and with a token from elsewhere, in Mercure ${protocol}.x`, async (t) => {
      const { kit, origin, show } = await start(t, { protocol, tokenMode: "url" });
      const person = new Person(names.emoji);
      const page = await show({ topic: person, variant: "de" });
      const stream = await openStream(t, streamUrlOf(page.text, origin));
      await kit.sse.publish(person, (variant: string) => `in ${variant}`);
      assert.equal((await stream.next())?.data, "in de");
      assert.deepEqual(
        (await kit.sse.getSubscriptions(person)).map(({ topic, match }) => topic ?? match),
        [`Person/${names.emoji}`],
      );
      const plain = await openStream(t, new URL(kit.sse.hubUrl(person), origin).href, {
        headers: { Authorization: `Bearer ${kit.sse.createSubscriberJwt(person)}` },
      });
      await kit.sse.publish(person, "for one", { private: true });
      assert.equal((await plain.next())?.data, "for one");
    });

    // A visitor signs up under a name that looks like another user's, to read that user's updates.
    test(`differs from topics that look the same, or like its encoded form, in Mercure ${protocol}.x`, async (t) => {
      const { kit, origin, show } = await start(t, { protocol, tokenMode: "url" });
      const others = ["users/a\u200cb", "users/ab", "users/a~u200D.b", "users/a%E2%80%8Db"];
      const streams: EventStream[] = [];
      for (const topic of ["users/a\u200db", ...others]) {
        const { text } = await show({ topic, isPrivate: true });
        streams.push(await openStream(t, streamUrlOf(text, origin)));
      }
      await kit.sse.publish("users/a\u200db", "private", { private: true });
      await kit.sse.publish(others, "others", { private: true });
      assert.deepEqual(await Promise.all(streams.map(async (stream) => (await stream.next())?.data)), [
        "private",
        ...others.map(() => "others"),
      ]);
    });

    test(`is published to a hub elsewhere, whose pages stream it, in Mercure ${protocol}.x`, async (t) => {
      const hub = await start(t, { protocol, hub: { allowPublish: true } });
      const hubUrl = `${hub.origin}/.well-known/mercure`;
      const resource = "/.well-known/mercure";
      const { kit, show } = await start(t, { protocol, hubUrl, resource, issuer: "/", tokenMode: "url" });
      const topic = `users/${names.Persian}`;
      const { text } = await show({ topic, isPrivate: true });
      const stream = await openStream(t, streamUrlOf(text, hub.origin));
      await kit.sse.publish(topic, "salaam", { private: true });
      assert.equal((await stream.next())?.data, "salaam");
      const [subscription] = await kit.sse.getSubscriptions(topic);
      assert.equal(subscription?.topic ?? subscription?.match, topic);
      await assert.rejects(kit.sse.publish("x".repeat(2049), ""), { code: "ERR_TOPIC" });
    });
  }

  test("has a topic of a visitor's choice in a channel, apart from the library's own topics", async (t) => {
    const { app, kit, origin } = await start(t);
    app.get("/channels/sse", kit.sse.stream());
    const stream = await openStream(t, `${origin}/channels/sse?channel=${encodeURIComponent(names.emoji)}`);
    await kit.sse.publish(names.emoji, "hello");
    assert.equal((await stream.next())?.data, "hello");
    for (const channel of ["a\nb", "urn:htmx-mercure:presence:a"]) {
      assert.equal((await fetch(`${origin}/channels/sse?channel=${encodeURIComponent(channel)}`)).status, 400);
    }
  });
});

describe("the tokens of private streams in cookies", () => {
  const cookieBytes = (session: BrowserSession, url: string) => (session.headers(url).Cookie ?? "").length;

  for (const protocol of [0, 1] as const) {
    test(`stay within 4 kB however many pages a browser opens, without one request to the hub, in ${protocol}.x`, async (t) => {
      const payload = { id: "2f1c8a52-6d0e-4c7e-9f43-0d8f1f9be001", name: "Ada Lovelace" };
      const { app, kit, origin } = await start(t, { protocol, tokenMode: "cookie", payloadGetter: () => payload });
      app.get("/conversations/:id", (req, res) => {
        res.send(String(kit.render("MercureStream", { topic: `conversations/${req.params.id}`, private: true })));
      });
      const session = new BrowserSession();
      for (let id = 1; id <= 30; id++) {
        const page = await session.fetch(`${origin}/conversations/${id}`);
        const url = streamUrlOf(await page.text(), origin);
        assert.ok(cookieBytes(session, url) <= 4096 + 200, `${cookieBytes(session, url)} bytes`);
        assert.ok(cookieBytes(session, `${origin}/`) < 700);
        const stream = await openStream(t, url, { headers: session.headers(url) });
        await kit.sse.publish(`conversations/${id}`, "yours", { private: true });
        assert.equal((await stream.next())?.data, "yours");
        stream.close();
      }
    });
  }

  test("suffice for all streams of one page, or the page is an error with the remedy", async (t) => {
    const { app, kit, origin } = await start(t, { tokenMode: "cookie" });
    app.get("/streams/:count", (req, res) => {
      const topics = Array.from({ length: Number(req.params.count) }, (_, index) => `${"long".repeat(30)}/${index}`);
      res.send(topics.map((topic) => String(kit.render("MercureStream", { topic, private: true }))).join(""));
    });
    const session = new BrowserSession();
    await (await session.fetch(`${origin}/streams/1`)).text();
    const html = await (await session.fetch(`${origin}/streams/9`)).text();
    const urls = [...html.matchAll(/sse-connect="([^"]+)"/g)].map(
      ([, url]) => new URL(url!.replaceAll("&amp;", "&"), origin).href,
    );
    assert.equal(urls.length, 9);
    for (const url of urls) {
      // The hub's answers must not delete cookies that the page needs.
      const controller = new AbortController();
      const answer = await session.fetch(url, { signal: controller.signal });
      assert.equal(
        new TextDecoder().decode((await answer.body!.getReader().read()).value).includes("mercure:close"),
        false,
      );
      controller.abort();
    }
    const tooMany = await fetch(`${origin}/streams/40`);
    assert.equal(tooMany.status, 500);
    assert.match(await tooMany.text(), /7168.*MercureStreamContext/);
  });

  test("of tabs that opened at the same time are deleted by the next page too", async (t) => {
    const { app, kit, origin } = await start(t, { tokenMode: "cookie" });
    app.get("/conversations/:id", (req, res) => {
      res.send(String(kit.render("MercureStream", { topic: `conversations/${req.params.id}`, private: true })));
    });
    const session = new BrowserSession();
    await (await session.fetch(`${origin}/conversations/0`)).text();
    const ids = Array.from({ length: 20 }, (_, index) => index + 1);
    await Promise.all(ids.map(async (id) => (await session.fetch(`${origin}/conversations/${id}`)).text()));
    const hub = `${origin}/.well-known/mercure`;
    assert.ok(cookieBytes(session, hub) > 8192);
    await (await session.fetch(`${origin}/conversations/21`)).text();
    assert.ok(cookieBytes(session, hub) <= 4096 + 200);
  });

  test("of another application of the same host are neither counted nor deleted", async (t) => {
    const { app, kit, origin } = await start(t, { tokenMode: "cookie" });
    app.get("/own", (_req, res) => {
      res.send(String(kit.render("MercureStream", { topic: "own", private: true })));
    });
    const session = new BrowserSession();
    await (await session.fetch(`${origin}/own`)).text();
    const hub = `${origin}/.well-known/mercure`;
    const foreign = Array.from({ length: 12 }, (_, index) => {
      const grant = String(index).padStart(22, "f");
      return `mercureAuthorization_${grant}=e30.${Buffer.from(JSON.stringify({ iat: 1 })).toString("base64url")}.${"x".repeat(800)}`;
    });
    const cookie = `${session.headers(hub).Cookie}; ${foreign.join("; ")}`;
    const answer = await fetch(`${hub}?topic=a`, { headers: { Cookie: cookie } });
    assert.deepEqual(answer.headers.getSetCookie(), []);
    await answer.body?.cancel();
  });
});
