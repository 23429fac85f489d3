import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import express, { type Express } from "express";
import { Hub } from "../../src/hub/index.js";
import { MemoryTransport } from "../../src/transport/memory.js";
import { draft, publisherKey, subscribe, token } from "./fixture.js";

async function serve(t: TestContext, app: Express): Promise<string> {
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function makeHub(t: TestContext): Hub {
  const hub = new Hub({ transport: new MemoryTransport(), allowPublish: true, publisherKey, keepaliveInterval: 0 });
  t.after(() => hub.close());
  return hub;
}

describe("under Express", () => {
  test("the hub serves at its path, mounted at it, and below a path", async (t) => {
    const hub = makeHub(t);
    const app = express();
    const below = express.Router();
    below.use(hub.path, hub.handle);
    app.use("/site", below);
    app.all("/app/.well-known/mercure", (_req, res) => void res.sendStatus(418));
    app.use(hub.path, hub.handle);
    const flat = express();
    flat.use(hub.handle);
    for (const origin of [await serve(t, app), `${await serve(t, app)}/site`, await serve(t, flat)]) {
      const subscriber = await subscribe(t, `${origin}${hub.path}?topic=a`);
      await hub.publish(draft("a", "1"));
      await subscriber.until(({ data }) => data.length === 1);
      assert.equal((await fetch(`${origin}${hub.path}/elsewhere?topic=a`)).status, 404);
    }
  });

  test("a publish works after a body parser has read the body", async (t) => {
    for (const parser of [
      express.urlencoded(),
      express.urlencoded({ extended: true }),
      express.raw({ type: "*/*" }),
      express.json(),
    ]) {
      const hub = makeHub(t);
      const app = express().use(parser).use(hub.handle);
      const origin = await serve(t, app);
      const subscriber = await subscribe(t, `${origin}${hub.path}?topic=b`);
      const answer = await fetch(`${origin}${hub.path}`, {
        method: "POST",
        body: new URLSearchParams([
          ["topic", "a"],
          ["topic", "b"],
          ["data", "é + 1"],
        ]),
        headers: { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}` },
      });
      assert.equal(answer.status, 200);
      await subscriber.until(({ data }) => data.length === 1);
      assert.deepEqual(subscriber.data, ["é + 1"]);
    }
  });

  // A parser that turns `topic[a]=b` into objects passes on values that are not topics.
  test("the hub rejects a parsed body with values other than text", async (t) => {
    const hub = makeHub(t);
    const origin = await serve(
      t,
      express()
        .use(express.urlencoded({ extended: true }))
        .use(hub.handle),
    );
    const answer = await fetch(`${origin}${hub.path}`, {
      method: "POST",
      body: new URLSearchParams({ topic: "a", "data[x]": "1" }),
      headers: { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}` },
    });
    assert.equal(answer.status, 400);
  });
});

describe("Hub.stream", () => {
  test("streams to everybody the application admits, with private updates on request", async (t) => {
    const hub = makeHub(t);
    const app = express();
    app.get("/public", (req, res) => hub.stream(req, res, { topics: ["a"] }));
    app.get("/private", (req, res) => hub.stream(req, res, { topics: ["a"], private: true }));
    const origin = await serve(t, app);
    const cursor = hub.lastEventId;
    await hub.publish(draft("a", "private", { private: true }));
    await hub.publish(draft("a", "public"));
    await hub.publish(draft(["b"], "elsewhere", { private: true }));
    const open = await subscribe(t, `${origin}/public?lastEventID=${encodeURIComponent(cursor)}`);
    await open.until(({ data }) => data.length === 1);
    assert.deepEqual(open.data, ["public"]);
    const closed = await subscribe(t, `${origin}/private`, { "Last-Event-ID": cursor });
    await closed.until(({ data }) => data.length === 2);
    assert.equal(closed.headers["last-event-id"], cursor);
    // The client controls the query, so it names no topics here.
    const curious = await subscribe(t, `${origin}/public?topic=b&lastEventID=earliest`);
    await curious.until(({ data }) => data.length === 1);
    assert.deepEqual(curious.data, ["public"]);
  });

  test("asks for no token, and ignores those that come", async (t) => {
    const hub = makeHub(t);
    const origin = await serve(
      t,
      express().use((req, res) => hub.stream(req, res, { topics: ["a"] })),
    );
    assert.equal((await subscribe(t, origin, { Authorization: "Bearer of the application" })).status, 200);
    assert.equal((await fetch(origin, { method: "POST" })).status, 405);
  });
});
