import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { MercureOptions } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";

/** An application whose pages belong to the user in `?user=`. */
async function start(t: TestContext, page: string, options: MercureOptions = {}) {
  const { app, kit, listen, errors } = application(
    t,
    { "templates/page.njk": page },
    { payloadGetter: (topics, request) => ({ user: request?.query.user, of: topics }), ...options },
  );
  app.get("/", (_req, res) => res.render("page.njk"));
  app.get("/stream", kit.sse.stream("a"));
  const origin = await listen();
  const html = async (user: string) => (await fetch(`${origin}/?user=${user}`)).text();
  return {
    ...kit,
    origin,
    errors,
    html,
    visit: async (user: string) => openStream(t, streamUrlOf(await html(user), origin)),
  };
}

describe("presence", () => {
  test("a stream with_subscriptions receives presence events, and other streams do not", async (t) => {
    const { visit } = await start(t, '<% MercureStream topic="a" with_subscriptions %>');
    const ada = await visit("ada");
    const told = async () => JSON.parse((await ada.next())!.data) as { active: boolean; payload: unknown };
    assert.deepEqual((await told()).payload, { user: "ada", of: ["a"] }, "of itself too, as other hubs do");
    const grace = await visit("grace");
    const joined = await told();
    assert.deepEqual([joined.active, joined.payload], [true, { user: "grace", of: ["a"] }]);
    grace.close();
    assert.deepEqual(await told(), { ...joined, active: false });
  });

  test("a person who joins between a page's rendering and its connection is announced to it", async (t) => {
    const { html, visit, origin } = await start(t, '<% MercureStream topic="a" with_subscriptions %>');
    const page = await html("ada");
    await visit("grace");
    const ada = await openStream(t, streamUrlOf(page, origin));
    assert.equal(JSON.parse((await ada.next())!.data).payload.user, "grace");
  });

  test("isConnected and getSubscriptions return the current subscribers", async (t) => {
    const { sse, visit, hub } = await start(t, '<% MercureStream topic="a" private %>');
    assert.equal(await sse.isConnected("a"), false);
    assert.deepEqual(await sse.getSubscriptions(), []);
    await visit("ada");
    const grace = await visit("grace");
    assert.equal(await sse.isConnected("a"), true);
    assert.equal(await sse.isConnected("b"), false);
    assert.equal(await sse.isConnected(["b", "a"]), true);
    assert.equal(await sse.isConnected("a", { user: "grace" }), true);
    assert.equal(await sse.isConnected("a", { user: "grace", of: ["a"] }), true);
    assert.equal(await sse.isConnected("a", { user: "grace", of: ["b"] }), false);
    assert.equal(await sse.isConnected("a", { toString: undefined }), false);
    assert.equal(await sse.isConnected("a", (payload) => (payload as { user: string }).user.startsWith("g")), true);
    const [first, second] = await sse.getSubscriptions("a");
    assert.deepEqual(await sse.getSubscriptions(), [first, second]);
    assert.deepEqual(await sse.getSubscriptions("a", second!.subscriber), [second]);
    assert.deepEqual(await sse.getSubscriptions(undefined, first!.subscriber), [first]);
    assert.deepEqual(await sse.getSubscriptions("b", first!.subscriber), []);
    grace.close();
    while (hub.connections > 1) await new Promise(setImmediate);
    assert.equal(await sse.isConnected("a", { user: "grace" }), false);
  });

  test("sse.stream passes on the payload of the request", async (t) => {
    const { sse, origin } = await start(t, "");
    await openStream(t, `${origin}/stream?user=ada`);
    assert.equal(await sse.isConnected("a", { user: "ada" }), true);
  });

  test("the hub's web API lists them too, at URLs that Express leaves unchanged", async (t) => {
    const { sse, visit, origin } = await start(t, '<% MercureStream topic="a/ü" private %>');
    await visit("ada");
    const path = "/.well-known/mercure/subscriptions/a%2F%C3%BC";
    const headers = { Authorization: `Bearer ${sse.subscriberJwt([path])}` };
    const answer = await fetch(`${origin}${path}`, { headers });
    assert.equal(answer.status, 200);
    assert.deepEqual(((await answer.json()) as { subscriptions: unknown }).subscriptions, await sse.getSubscriptions());
  });

  test("templates list them", async (t) => {
    const page = '{{ mercure_subscriptions("a") | length }}<% MercureStream topic="a" private %>';
    const { html, visit } = await start(t, page);
    assert.match(await html("ada"), /^0</);
    await visit("ada");
    assert.match(await html("ada"), /^1</);
  });

  test("hub.subscriptions turns it off", async (t) => {
    const { sse, visit } = await start(t, '<% MercureStream topic="a" private %>', { hub: { subscriptions: false } });
    await visit("ada");
    assert.equal(await sse.isConnected("a"), false);
  });

  test("an asynchronous payload is an error that says so", async (t) => {
    const { render } = await start(t, "", { payloadGetter: async () => ({}) });
    assert.throws(() => render("MercureStream", { topic: "a", private: true }), /payloadGetter returned a promise/);
  });
});

for (const protocol of [0, 1] as const) {
  describe(`sse.presence in Mercure ${protocol}`, () => {
    const byUser: MercureOptions = {
      protocol,
      tokenMode: "url",
      payloadGetter: (_topics, request) => ({ id: request?.query.user }),
    };
    const room = '<% MercureStream topic="a" private %>';

    test("lists people, each once, and so do templates", async (t) => {
      const { sse, visit, html } = await start(t, `{{ mercure_presence("a") | length }}${room}`, byUser);
      await visit("ada");
      await visit("ada");
      await visit("grace");
      assert.deepEqual(sse.presence("a"), [
        { key: "ada", payload: { id: "ada" }, connections: 2 },
        { key: "grace", payload: { id: "grace" }, connections: 1 },
      ]);
      assert.deepEqual(
        sse.presence(["a", "b"]).map(({ key }) => key),
        ["ada", "grace"],
      );
      assert.match(await html("ada"), /^2</);
    });

    test("MercurePresence reports other people, and ignores a second window", async (t) => {
      const { sse, render, visit, origin } = await start(t, room, byUser);
      const tag = String(render("MercurePresence", { topic: "a", hx_get: "/who" }));
      assert.match(tag, /hx-trigger="sse:mercure:presence delay:100ms"/);
      const watcher = await openStream(t, streamUrlOf(tag, origin));
      const told = async () => {
        const { event, data } = (await watcher.next())!;
        return [event, data, sse.presence("a").map(({ key }) => key)];
      };
      await visit("ada");
      assert.deepEqual(await told(), ["mercure:presence", "", ["ada"]]);
      const again = await visit("ada");
      again.close();
      await visit("grace");
      assert.deepEqual(await told(), ["mercure:presence", "", ["ada", "grace"]]);
      // The test ends it on purpose, without the grace period for a return.
      const subscriptions = await sse.getSubscriptions("a");
      const [{ subscriber } = assert.fail()] = subscriptions.filter(
        ({ payload }) => (payload as { id: string }).id === "grace",
      );
      await sse.disconnect({ subscriber });
      assert.deepEqual(await told(), ["mercure:presence", "", ["ada"]]);
    });

    test("reports a person who joins between a page's rendering and its connection", async (t) => {
      const { render, visit, origin } = await start(t, room, byUser);
      const url = streamUrlOf(String(render("MercurePresence", { topic: "a", hx_get: "/who" })), origin);
      await visit("ada");
      assert.equal((await (await openStream(t, url)).next())?.event, "mercure:presence");
    });

    // The list of people is for the readers of the page that shows it.
    test("the events of MercurePresence need the page's token", async (t) => {
      const { sse, render, visit, origin } = await start(t, room, byUser);
      const url = new URL(streamUrlOf(String(render("MercurePresence", { topic: "a", hx_get: "/who" })), origin));
      const parameter = protocol === 0 ? "topic" : "match";
      const topic = url.searchParams.get(parameter)!;
      assert.throws(() => sse.subscriberJwt(topic), { code: "ERR_TOPIC" });
      await assert.rejects(sse.publish(topic, "forged"), { code: "ERR_TOPIC" });
      const query = new URLSearchParams([topic, "a"].map((name): [string, string] => [parameter, name]));
      const stranger = await openStream(t, `${origin}${url.pathname}?${query}`, {
        headers: { Authorization: `Bearer ${sse.subscriberJwt("a")}` },
      });
      await visit("ada");
      await sse.publish("a", "open");
      assert.equal((await stranger.next())?.data, "open");
    });

    test("a context delivers the presence events, and MercurePresence inside it opens no connection", async (t) => {
      const page =
        '<% MercureStreamContext topic="a" private with_presence %><% MercurePresence hx_get="/who" %><% endMercureStreamContext %>';
      const { html, origin, visit } = await start(t, page, byUser);
      const ada = await html("ada");
      assert.equal(ada.match(/sse-connect/g)?.length, 1);
      const stream = await openStream(t, streamUrlOf(ada, origin));
      assert.equal((await stream.next())?.event, "mercure:presence", "of itself too");
      await visit("grace");
      assert.equal((await stream.next())?.event, "mercure:presence");
    });
  });
}

describe("sse.presence", () => {
  test("MercurePresence without a topic is valid only inside a context with with_presence", async (t) => {
    const { render } = await start(t, "");
    assert.throws(() => render("MercurePresence", { hx_get: "/who" }), /with_presence/);
  });

  test("sse.presence needs the hub in this process, and MercurePresence uses the events of a remote hub", async (t) => {
    const { kit } = application(t, {}, { hubUrl: "http://127.0.0.1:1/hub" });
    assert.throws(() => kit.sse.presence("a"), { code: "ERR_EXTERNAL_HUB" });
    assert.throws(() => kit.render("MercureStreamContext", { topic: "a", with_presence: true, children: "x" }), {
      code: "ERR_EXTERNAL_HUB",
    });
    const tag = String(kit.render("MercurePresence", { topic: "a", hx_get: "/who" }));
    assert.match(tag, /sse:message delay:100ms, sse:mercure delay:100ms/);
    assert.match(tag, /subscriptions%2Fa/);
  });
});
