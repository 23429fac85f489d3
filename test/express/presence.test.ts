import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { MercureOptions } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";

/** An application whose every page says who asks for it, `?user=`. */
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
  test("a stream with_subscriptions hears who joins and leaves, and no one else does", async (t) => {
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

  test("who joins between a page's rendering and its connection is heard of", async (t) => {
    const { html, visit, origin } = await start(t, '<% MercureStream topic="a" with_subscriptions %>');
    const page = await html("ada");
    await visit("grace");
    const ada = await openStream(t, streamUrlOf(page, origin));
    assert.equal(JSON.parse((await ada.next())!.data).payload.user, "grace");
  });

  test("isConnected and getSubscriptions", async (t) => {
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

  test("sse.stream tells the payload of the request", async (t) => {
    const { sse, origin } = await start(t, "");
    await openStream(t, `${origin}/stream?user=ada`);
    assert.equal(await sse.isConnected("a", { user: "ada" }), true);
  });

  test("the web API of the hub knows them too, and Express changes nothing in its URLs", async (t) => {
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

  test("a payload that is not there at once is an error that says so", async (t) => {
    const { render } = await start(t, "", { payloadGetter: async () => ({}) });
    assert.throws(
      () => render("MercureStream", { topic: "a", private: true }),
      /payloadGetter must give its payload at once/,
    );
  });
});
