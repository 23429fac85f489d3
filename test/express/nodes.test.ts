import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { MercureOptions, VariantRenderer } from "../../src/index.js";
import { NodeCluster } from "../hub/nodes/node-cluster.js";
import { application, streamUrlOf } from "../support/application.js";
import { type EventStream, openStream } from "../support/event-stream.js";
import { until } from "../support/until.js";

/** An application on a node of its own, whose pages belong to the user in `?user=`. */
async function start(t: TestContext, cluster: NodeCluster, page: string, options: MercureOptions = {}) {
  const { link, transport } = await cluster.connect();
  const { app, kit, listen, errors } = application(
    t,
    { "templates/page.njk": page },
    {
      transport,
      tokenMode: "url",
      payloadGetter: (_topics, request) => ({ id: request?.query.user }),
      subjectGetter: (request) => String(request.query.user),
      ...options,
    },
  );
  app.get("/", (req, res) => res.render("page.njk", { ...req.query, people: kit.sse.presence("room") }));
  app.get("/sign-out", async (req, res) => {
    await kit.sse.disconnect({ subject: String(req.query.user) });
    res.end();
  });
  const origin = await listen();
  const html = async (query: string) => (await fetch(`${origin}/?${query}`)).text();
  const who = () => kit.sse.presence("room").map(({ key, connections }) => `${key}: ${connections}`);
  const visit = async (query: string) => openStream(t, streamUrlOf(await html(query), origin));
  const render: VariantRenderer = (variant) => kit.html`<p>${variant ?? "none"}</p>`;
  return { ...kit, origin, html, visit, who, link, errors, render };
}

async function ended(stream: EventStream): Promise<void> {
  while ((await stream.next()) !== undefined);
}

const room = '<% MercureStream topic="room" private %>';
const board = '<% MercureStream topic="board" variant=locale %>';

describe("applications on several nodes", () => {
  test("isConnected, getSubscriptions and presence are the same on every node", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c] = [await start(t, cluster, room), await start(t, cluster, room), await start(t, cluster, room)];
    await a.visit("user=ada");
    await b.visit("user=ada");
    await b.visit("user=grace");
    for (const { sse, who } of [a, b, c]) {
      await until(async () => (await sse.getSubscriptions("room")).length === 3);
      assert.deepEqual(who().sort(), ["ada: 2", "grace: 1"]);
      assert.equal(await sse.isConnected("room", { id: "grace" }), true);
      assert.equal(await sse.isConnected("room", { id: "alan" }), false);
    }
  });

  test("when sse.disconnect resolves, every node has removed the person without a grace period", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c] = [await start(t, cluster, room), await start(t, cluster, room), await start(t, cluster, room)];
    const stream = await b.visit("user=ada");
    await until(() => [a, b, c].every(({ who }) => who().length === 1));
    await fetch(`${a.origin}/sign-out?user=ada`);
    for (const { who, sse } of [a, b, c]) assert.deepEqual([who(), await sse.isConnected("room")], [[], false]);
    await ended(stream);
  });

  test("a reload that reaches another node keeps the person listed, and an arrival is announced to the pages of all nodes", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await start(t, cluster, room), await start(t, cluster, room)];
    const announced: string[] = [];
    const topic = "urn:htmx-mercure:presence:room";
    const follow = async () => {
      for await (const { id } of a.hub.updates(topic)) announced.push(id);
    };
    void follow();
    const ada = await a.visit("user=ada");
    await until(() => [a, b].every(({ who }) => who()[0] === "ada: 1"));
    ada.close();
    await until(() => [a, b].every(({ who }) => who()[0] === "ada: 0"));
    await b.visit("user=ada");
    await until(() => [a, b].every(({ who }) => who()[0] === "ada: 1"));
    const before = announced.length;
    assert.ok(before <= 1, "the arrival of Ada alone");
    await b.visit("user=grace");
    await until(() => announced.length > before && [a, b].every(({ who }) => who().length === 2));
    assert.deepEqual([a.errors, b.errors], [[], []]);
  });

  test("presence lists a person all the time while a node that closes hands the streams over", async (t) => {
    const cluster = new NodeCluster(t);
    const options = { presenceGrace: 3600 };
    const [a, b] = [await start(t, cluster, room, options), await start(t, cluster, room, options)];
    const ada = await a.visit("user=ada");
    await until(() => [a, b].every(({ who }) => who()[0] === "ada: 1"));
    const closed = a.close({ drainTimeout: 3600 });
    assert.equal(a.hub.state, "draining");
    await ended(ada);
    await closed;
    assert.equal(a.hub.state, "closed");
    assert.deepEqual(b.who(), ["ada: 0"]);
    await b.visit("user=ada");
    await until(() => b.who()[0] === "ada: 1");
  });

  test("a function as data is rendered for the variants of all nodes", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await start(t, cluster, board), await start(t, cluster, board)];
    const [de, plain] = [await b.visit("locale=de"), await b.visit("")];
    await until(async () => (await a.sse.getSubscriptions("board")).length === 2);
    assert.equal((await a.sse.publish("board", a.render)).length, 2);
    assert.equal((await de.next())!.data, "<p>de</p>");
    assert.equal((await plain.next())!.data, "<p>none</p>");
    await a.sse.publish("board", "for all");
    for (const stream of [de, plain]) assert.equal((await stream.next())!.data, "for all");
  });

  for (const [what, publish] of [
    ["a function", (node: Awaited<ReturnType<typeof start>>) => node.sse.publish("board", node.render)],
    ["text", (node: Awaited<ReturnType<typeof start>>) => node.sse.publish("board", "text")],
  ] as const) {
    test(`a page whose variant was unknown where ${what} was published is told of a gap, on every node`, async (t) => {
      const cluster = new NodeCluster(t);
      const [a, b, c] = [
        await start(t, cluster, board),
        await start(t, cluster, board),
        await start(t, cluster, board),
      ];
      const url = streamUrlOf(await b.html("locale=de"), b.origin);
      const id = new URL(url).searchParams.get("lastEventID") ?? assert.fail(url);
      await publish(a);
      const stream = await openStream(t, url);
      await ended(stream);
      for (const { origin } of [b, c, await start(t, cluster, board)]) {
        const again = await openStream(t, url.replace(b.origin, origin));
        assert.equal(again.response.status, 200);
        assert.notEqual(again.response.headers.get("last-event-id"), id);
        again.close();
      }
      const fresh = await b.visit("locale=de");
      await until(() => a.sse.isConnected("board"));
      await a.sse.publish("board", a.render);
      assert.equal((await fresh.next())!.data, "<p>de</p>", "for a page that was rendered later");
    });
  }
});
