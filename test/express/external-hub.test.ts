import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import express from "express";
import type { Kit, MercureOptions } from "../../src/index.js";
import { application, secret, streamUrlOf } from "../support/application.js";
import { type EventStream, openStream } from "../support/event-stream.js";
import {
  referenceIdentity as identity,
  referenceHub,
  withoutReferenceHub,
  withoutReferenceHub1,
} from "../support/reference-hub.js";
import { until } from "../support/until.js";

const files = {
  "templates/index.njk": '<% MercureStream topic="messages" %>',
  "templates/watching.njk": '<% MercureStream topic="messages" private with_subscriptions %>',
  "templates/private.njk": '<% MercureStream topic="messages" private %>',
};

/** An application with a remote hub; `page` fetches one of its pages, and returns the URL of the stream in it. */
async function withHub(t: TestContext, hubUrl: string, options: MercureOptions = {}) {
  const { app, kit, errors, listen } = application(t, files, { hubUrl, ...options });
  app.get("/:page", (req, res) => res.render(req.params.page));
  const origin = await listen();
  const page = async (name = "index") => streamUrlOf(await (await fetch(`${origin}/${name}`)).text(), origin);
  return { app, kit, errors, origin, page };
}

function cursorOf(streamUrl: string): string {
  const { searchParams } = new URL(streamUrl);
  return (searchParams.get("lastEventID") ?? searchParams.get("last_event_id"))!;
}

/** The id of the update before the stream. */
function precedingId({ headers }: Response): string | null {
  return headers.get("mercure-last-event-id") ?? headers.get("last-event-id");
}

async function take(stream: EventStream, count: number): Promise<string[]> {
  const data: string[] = [];
  while (data.length < count) data.push((await stream.next())!.data);
  return data;
}

/** The library's own hub, in another application. */
async function embeddedHub(t: TestContext, options: MercureOptions = {}): Promise<{ url: string }> {
  const { listen } = application(t, {}, { hub: { allowPublish: true }, ...options });
  return { url: `${await listen()}/.well-known/mercure` };
}

/** An HTTP server in the place of a hub; it records the requests, and can be stopped and restarted. */
async function server(t: TestContext, answer: RequestListener) {
  const requests: string[] = [];
  const http = createServer((req, res) => {
    requests.push(`${req.method} ${req.headers["last-event-id"] ?? ""}`.trim());
    answer(req, res);
  });
  const listen = (port: number) => new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = http.address() as AddressInfo;
  t.after(() => {
    http.close();
    http.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${port}/hub`, requests };
}

interface HubUnderTest {
  readonly name: string;
  readonly skip?: string | false;
  readonly options?: MercureOptions;
  start(t: TestContext): Promise<{ url: string }>;
}

const hubs: HubUnderTest[] = [
  { name: "the library's own hub", start: (t) => embeddedHub(t) },
  {
    name: "the library's own hub and Mercure 1.0",
    options: { protocol: 1, tokenMode: "url", ...identity },
    start: (t) => embeddedHub(t, identity),
  },
  { name: "the reference hub of 0.x", skip: withoutReferenceHub, start: (t) => referenceHub(t) },
  {
    name: "the reference hub of 1.0",
    skip: withoutReferenceHub1,
    options: { protocol: 1, tokenMode: "url", ...identity },
    start: (t) => referenceHub(t, { version: 1 }),
  },
];
for (const { name, start, skip = false, options } of hubs) {
  describe(`an application with ${name} in another process`, { skip }, () => {
    test("misses and repeats nothing between the page and its connection, from the first page on", async (t) => {
      const { kit, page } = await withHub(t, (await start(t)).url, options);
      const streamUrl = await page();
      await kit.sse.publish("messages", "1");
      await kit.sse.publish("others", "not this");
      await kit.sse.publish("messages", "2");
      const stream = await openStream(t, streamUrl);
      assert.equal(precedingId(stream.response), cursorOf(streamUrl));
      await kit.sse.publish("messages", "3");
      assert.deepEqual(await take(stream, 3), ["1", "2", "3"]);
    });

    test("starts a page at the newest update that the library has seen", async (t) => {
      const { kit, page } = await withHub(t, (await start(t)).url, options);
      await page();
      await kit.sse.publish("messages", "before");
      const id = await kit.sse.publish("others", "the last that is seen");
      await until(async () => cursorOf(await page()) === id);
      const streamUrl = await page();
      await kit.sse.publish("messages", "after");
      assert.deepEqual(await take(await openStream(t, streamUrl), 1), ["after"]);
    });

    test("sends private updates to private streams alone, and moves their position with them", async (t) => {
      const { kit, page } = await withHub(t, (await start(t)).url, options);
      const [mine, others] = [await openStream(t, await page("private")), await openStream(t, await page())];
      const id = await kit.sse.publish("messages", "secret", { private: true });
      await until(async () => cursorOf(await page()) === id);
      await kit.sse.publish("messages", "open");
      assert.deepEqual(await take(mine, 2), ["secret", "open"]);
      assert.deepEqual(await take(others, 1), ["open"]);
    });

    test("receives presence events, with_subscriptions", async (t) => {
      const { page } = await withHub(t, (await start(t)).url, options);
      const watcher = await openStream(t, await page("watching"));
      const told = async () => JSON.parse((await watcher.next())!.data) as { subscriber: string; active: boolean };
      const own = await told();
      const visitor = await openStream(t, await page("private"));
      let event = await told();
      while (event.subscriber === own.subscriber) event = await told();
      assert.equal(event.active, true);
      visitor.close();
      assert.deepEqual(await told(), { ...event, active: false });
    });

    test("lists the subscribers", async (t) => {
      const { kit, page } = await withHub(t, (await start(t)).url, options);
      assert.equal(await kit.sse.isConnected("messages"), false);
      const stream = await openStream(t, await page("private"));
      await until(() => kit.sse.isConnected("messages"));
      const [subscription, ...others] = await kit.sse.getSubscriptions(["messages", "a/ü {x}"]);
      assert.deepEqual(others, []);
      assert.equal(subscription!.topic ?? subscription!.match, "messages");
      const all = await kit.sse.getSubscriptions();
      assert.ok(all.some(({ id }) => id === subscription!.id));
      assert.deepEqual(await kit.sse.getSubscriptions("messages", subscription!.subscriber), [subscription]);
      assert.deepEqual(await kit.sse.getSubscriptions("messages", "urn:x:another"), []);
      stream.close();
      await until(async () => !(await kit.sse.isConnected("messages")));
    });

    test("receives updates that other programs publish", async (t) => {
      const { url } = await start(t);
      const [one, other] = [await withHub(t, url, options), await withHub(t, url, options)];
      await one.page();
      const id = await other.kit.sse.publish("messages", "from elsewhere", { id: "urn:x:é ü" });
      await until(async () => cursorOf(await one.page()) === id);
    });
  });
}

const references = [
  { name: "0.x", version: 0, options: {}, skip: withoutReferenceHub },
  { name: "1.0", version: 1, options: { protocol: 1, tokenMode: "url", ...identity }, skip: withoutReferenceHub1 },
] as const;
for (const { name, version, options, skip } of references)
  describe(`the reference hub of ${name}`, { skip }, () => {
    test("can be killed and restarted while updates are published: each comes exactly once", async (t) => {
      const hub = await referenceHub(t, { version });
      const { kit, page, errors } = await withHub(t, hub.url, options);
      const streamUrl = await page();
      const acknowledged: string[] = [];
      const publishing = (async () => {
        for (let number = 0; number < 40; number++) {
          try {
            await kit.sse.publish("messages", String(number));
            acknowledged.push(String(number));
          } catch (error) {
            // It was pending when the hub died: the hub may have accepted it, so it is not sent again.
            assert.match(String(error), /may have received the update/);
          }
        }
      })();
      const seen = cursorOf(streamUrl);
      await until(async () => cursorOf(await page()) !== seen);
      await hub.kill();
      const duringOutage = cursorOf(await page());
      await hub.start();
      await publishing;
      await kit.sse.publish("messages", "last");
      const stream = await openStream(t, streamUrl);
      const data: string[] = [];
      while (data.at(-1) !== "last") data.push((await stream.next())!.data);
      assert.equal(new Set(data).size, data.length);
      assert.deepEqual(
        data.filter((each) => acknowledged.includes(each)),
        acknowledged,
      );
      assert.ok(acknowledged.length >= 38);
      // The library's own subscription has returned, too. The hub announces it by an update, which can be the last one.
      await until(async () => cursorOf(await page()) !== duringOutage);
      assert.ok(errors.length <= 1, "an outage is reported once");
    });

    test("starts new pages afresh after it has lost its history, and reports the gap to old ones", async (t) => {
      const hub = await referenceHub(t, { version, history: false });
      const { page } = await withHub(t, hub.url, options);
      const before = await page();
      await hub.kill();
      await hub.start();
      await until(async () => cursorOf(await page()) !== cursorOf(before));
      const { response } = await openStream(t, before);
      assert.notEqual(precedingId(response), cursorOf(before));
    });

    test("accepts streams by a token without grants when it rejects anonymous subscribers", async (t) => {
      const hub = await referenceHub(t, { version, flags: ["-anonymous=false"] });
      const { kit, page } = await withHub(t, hub.url, { ...options, hub: { allowAnonymous: false } });
      const stream = await openStream(t, await page());
      await kit.sse.publish("messages", "secret", { private: true });
      await kit.sse.publish("messages", "open");
      assert.deepEqual(await take(stream, 1), ["open"]);
    });

    test("reports an error when its active subscriptions are disabled", async (t) => {
      const hub = await referenceHub(t, { version, flags: ["-subscriptions=false"] });
      const { kit } = await withHub(t, hub.url, options);
      const code = "ERR_SUBSCRIPTIONS";
      await assert.rejects(kit.sse.isConnected("a"), {
        code,
        message: /answered 404; the hub has no subscription API/,
      });
    });

    test("reports an error when it has another key, and pages still render", async (t) => {
      const hub = await referenceHub(t, { version });
      const { kit, page, errors } = await withHub(t, hub.url, { ...options, secret: `another ${secret}` });
      await page();
      await until(() => errors.length > 0);
      assert.match(String(errors[0]), /: it answered 401.*; subscriberSecretKey must be its key/);
      await assert.rejects(kit.sse.publish("a", "x"), { code: "ERR_PUBLISH", message: /rejected the update: 401/ });
      const refusal = { code: "ERR_SUBSCRIPTIONS", message: /answered 401.*; the token must be valid/ };
      await assert.rejects(kit.sse.getSubscriptions(), refusal);
    });
  });

describe("an application that speaks another version than its hub", { skip: withoutReferenceHub1 }, () => {
  test("renders its pages, and its errors show the hub's challenge", async (t) => {
    const hub = await referenceHub(t, { version: 1 });
    const { kit, page, errors } = await withHub(t, hub.url);
    assert.match(cursorOf(await page()), /^urn:uuid:/);
    assert.match(String(errors), /: it answered 401 \(Bearer /);
    await assert.rejects(kit.sse.publish("a", "x"), {
      code: "ERR_PUBLISH",
      message: /rejected the update: 401 \(Bearer /,
    });
  });
});

describe("a page", () => {
  const outages: [what: string, answer: RequestListener][] = [
    ["accepts and never answers", () => {}],
    ["answers 500", (_req, res) => res.writeHead(500).end()],
    ["answers 503", (_req, res) => res.writeHead(503, { "Retry-After": "60" }).end()],
    ["redirects", (_req, res) => res.writeHead(302, { Location: "/" }).end()],
    ["is something else", (_req, res) => res.end("<p>hello</p>")],
    ["breaks the connection", (req) => req.socket.destroy()],
    [
      "lets nobody publish",
      (req, res) => {
        if (req.method === "GET") res.writeHead(200, { "Content-Type": "text/event-stream" }).write(":\n");
        else res.writeHead(403).end();
      },
    ],
  ];
  for (const [what, answer] of outages) {
    // The id in the page then names no update: a hub reports a gap for it.
    test(`renders when the hub ${what}, with an id other than earliest`, async (t) => {
      const { page, kit, errors } = await withHub(t, (await server(t, answer)).url);
      const cursor = cursorOf(await page());
      assert.match(cursor, /^urn:uuid:/);
      assert.equal(cursorOf(await page()), cursor);
      if (what !== "accepts and never answers") {
        assert.equal(errors.length, 1);
        assert.match(String(errors), /cannot subscribe to the hub at http:\S+: /);
      }
      await kit.close();
    });
  }

  test("learns of a gap from the hub when it was rendered while the hub was down", async (t) => {
    const { page } = await withHub(t, (await server(t, (req) => req.socket.destroy())).url);
    const cursor = cursorOf(await page());
    const { url } = await embeddedHub(t);
    const { response } = await openStream(t, `${url}?topic=messages&lastEventID=${cursor}`);
    assert.equal(response.headers.get("last-event-id"), "earliest");
  });

  test("carries the last id that was seen, and reconnecting begins there", async (t) => {
    const streams: { end(): void }[] = [];
    const hub = await server(t, (req, res) => {
      if (req.method === "POST") return void res.end("urn:the:mark");
      res.writeHead(200, { "Content-Type": "text/event-stream", "Last-Event-ID": req.headers["last-event-id"] ?? "" });
      res.write(`retry: 10\nid: ${streams.length + 1}\ndata: x\n\n`);
      streams.push(res);
    });
    const { page } = await withHub(t, hub.url);
    await page();
    await until(() => hub.requests.length === 2);
    const first = cursorOf(await page());
    assert.ok(["1", "urn:the:mark"].includes(first), first);
    streams[0]!.end();
    await until(() => streams.length === 2);
    // The hub has confirmed the position, so new ones carry no mark.
    await until(async () => cursorOf(await page()) === "2");
    assert.deepEqual(hub.requests.slice(2), [`GET ${first}`]);
  });

  test("streams from the hub's public URL, not below the application's mount path", async (t) => {
    const { url } = await embeddedHub(t);
    for (const [publicHubUrl, expected] of [
      [undefined, url],
      ["/live", "/live"],
      ["https://live.example.com/hub", "https://live.example.com/hub"],
    ]) {
      const { app, kit, listen } = application(t, files, { hubUrl: url, publicHubUrl });
      app.get("/", (_req, res) => void res.send(kit.sse.hubUrl("a")));
      const origin = await listen(express().use("/mounted", app));
      const text = await (await fetch(`${origin}/mounted/`)).text();
      assert.equal(text.split("?")[0], expected);
    }
  });
});

describe("with a remote hub", () => {
  test("the library's subscription continues when its token expires", async (t) => {
    const remote = application(t, {}, { hub: { allowPublish: true } });
    const { hub } = remote.kit;
    const url = `${await remote.listen()}/.well-known/mercure`;
    const { kit, page } = await withHub(t, url, { tokenLifetime: 2 });
    await page();
    for (const connections of [1, 0, 1]) await until(() => hub.connections === connections);
    const id = await kit.sse.publish("a", "x", { private: true });
    await until(async () => cursorOf(await page()) === id);
  });

  test("this process serves no hub, and functions that need one say so", async (t) => {
    const { url } = await embeddedHub(t);
    const { kit, origin } = await withHub(t, url);
    assert.equal((await fetch(`${origin}/.well-known/mercure?topic=a`)).status, 404);
    assert.throws(() => kit.hub, { code: "ERR_EXTERNAL_HUB", message: /hubUrl selects an external one/ });
    assert.throws(() => kit.sse.stream("a"), { code: "ERR_EXTERNAL_HUB", message: /sse\.authenticatedHubUrl/ });
    assert.throws(() => kit.sse.updates("a"), { code: "ERR_EXTERNAL_HUB", message: /sse\.authenticatedHubUrl/ });
    assert.equal(typeof { ...kit }.close, "function");
  });

  test("pages name no shared connections, because other hubs do not number the streams", async (t) => {
    const scripts = ({ environment }: Kit) => environment.renderString("{{ mercure_scripts() }}", {});
    const options = { shareConnections: true };
    const { kit } = await withHub(t, (await embeddedHub(t)).url, options);
    assert.doesNotMatch(scripts(kit), /mercure-shared/);
    assert.match(scripts(application(t, files, options).kit), /mercure-shared/);
  });

  test("publisherJwt is the token, or that of the call", async (t) => {
    const tokens: (string | undefined)[] = [];
    const { url } = await server(t, (req, res) => {
      tokens.push(req.headers.authorization);
      res.end("id");
    });
    const { kit } = await withHub(t, url, { publisherJwt: "configured" });
    await kit.sse.publish("a", "x");
    await kit.sse.publish("a", "x", { jwt: "of the call" });
    assert.deepEqual(tokens, ["Bearer configured", "Bearer of the call"]);
  });

  test("a closed kit ends its subscription, and rejects further publishes", async (t) => {
    let closed = 0;
    const { url } = await server(t, (req, res) => {
      if (req.method === "POST") return void res.end("id");
      res.writeHead(200, { "Content-Type": "text/event-stream" }).write(":\n");
      req.socket.once("close", () => closed++);
    });
    const { kit, page } = await withHub(t, url);
    await page();
    await kit.close();
    await until(() => closed === 1);
    await assert.rejects(kit.sse.publish("a", "x"), { code: "ERR_CLOSED" });
    assert.ok(await page(), "pages still get answers");
  });
});

test("more variants than an update has topics are published in several updates, or are an error before any is sent", async (t) => {
  const remote = application(t, {}, { hub: { allowPublish: true } });
  const hubUrl = `${await remote.listen()}/.well-known/mercure`;
  const { kit } = application(t, files, { hubUrl, resource: "/.well-known/mercure", issuer: "/" });
  const variants = Array.from({ length: 150 }, (_, i) => `role ${i}`);
  const received: string[][] = [];
  const stop = new AbortController();
  const updates = remote.kit.hub.updates({ match: "*", match_type: "uritemplate" } as never, { signal: stop.signal });
  const reading = (async () => {
    for await (const { topics } of updates) received.push([...topics]);
  })();
  await assert.rejects(kit.sse.publish("board", "hello", { variants, id: "urn:x:1" }), { code: "ERR_UPDATE" });
  await kit.sse.publish("board", "hello", { variants });
  await until(() => received.flat().length === 151);
  assert.deepEqual([received.length, new Set(received.flat()).size], [2, 151]);
  stop.abort();
  await reading;
});
