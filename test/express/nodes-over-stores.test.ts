import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { MercureOptions, VariantRenderer } from "../../src/index.js";
import type { Transport } from "../../src/transport/transport.js";
import { NodeCluster } from "../hub/nodes/node-cluster.js";
import { application, streamUrlOf } from "../support/application.js";
import { type EventStream, openStream } from "../support/event-stream.js";
import { PostgresServer, withoutPostgres } from "../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../support/redis.js";
import { until } from "../support/until.js";

/** A store: a function that returns the transport of each node that shares an empty part of it. */
interface Store {
  readonly name: string;
  readonly skip: string | false;
  /** Starts the server, if there is one. Returns the function that ends it. */
  start(): Promise<() => unknown>;
  open(t: TestContext): Promise<() => Promise<string | Transport>>;
}

let redis: RedisServer;
let postgres: PostgresServer;

const stores: readonly Store[] = [
  {
    name: "a log in memory",
    skip: false,
    start: async () => () => {},
    open: async (t) => {
      const cluster = new NodeCluster(t);
      return async () => (await cluster.connect()).transport;
    },
  },
  {
    name: "LMDB",
    skip: false,
    start: async () => () => {},
    open: async (t) => {
      const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-nodes-"));
      t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
      return async () => `lmdb:${folder}`;
    },
  },
  {
    name: "Redis",
    skip: withoutRedis,
    start: async () => {
      redis = await RedisServer.start();
      return () => redis.stop();
    },
    open: async () => {
      return async () => redis.url;
    },
  },
  {
    name: "PostgreSQL",
    skip: withoutPostgres,
    start: async () => {
      postgres = await PostgresServer.start();
      return () => postgres.stop();
    },
    open: async () => {
      const url = await postgres.createDatabase();
      return async () => url;
    },
  },
];

const page =
  '<% MercureStream topic="room" private %>' +
  '<% MercurePresence topic="room" hx_get="/people" %><% endMercurePresence %>';
const people = '<% for each in mercure_presence("room") %>{{ each.key }}: {{ each.connections }}\n<% endfor %>';
const board = '<% MercureStream topic="board" variant=locale %>';

/** An application whose pages belong to the user in `?user=`. */
async function start(t: TestContext, transport: string | Transport, options: MercureOptions = {}) {
  const { app, kit, listen, errors } = application(
    t,
    { "templates/page.njk": page, "templates/board.njk": board, "templates/people.njk": people },
    {
      transport,
      tokenMode: "url",
      payloadGetter: (_topics, request) => ({ id: request?.query.user }),
      subjectGetter: (request) => String(request.query.user),
      ...options,
    },
  );
  app.get("/", (_req, res) => res.render("page.njk"));
  app.get("/board", (req, res) => res.render("board.njk", { locale: req.query.locale }));
  app.get("/people", (_req, res) => res.render("people.njk"));
  const who = () => kit.sse.presence("room").map(({ key, connections }) => `${key}: ${connections}`);
  const origin = await listen();
  await kit.hub.ready;
  const html = async (path: string) => (await fetch(`${origin}${path}`)).text();
  const visit = async (path: string) => openStream(t, streamUrlOf(await html(path), origin));
  /** The stream of the page's tag `MercurePresence`. */
  const watch = async (path: string) => {
    const text = await html(path);
    return openStream(t, streamUrlOf(text.slice(text.lastIndexOf("sse-connect")), origin));
  };
  /** The subscribers of the room by the web API, as a client of the hub lists them. */
  const list = async () => {
    const base = `${kit.hub.path}/subscriptions`;
    const authorization = `Bearer ${kit.sse.createSubscriberJwt([`${base}/room`])}`;
    const answer = await fetch(`${origin}${base}/room`, { headers: { authorization } });
    const { subscriptions } = (await answer.json()) as { subscriptions: { payload: { id: string } }[] };
    return subscriptions.map(({ payload }) => payload.id).sort();
  };
  /** All that this node answers about the people of the room. */
  const answers = async () => ({
    presence: who().sort(),
    fetched: (await html("/people")).split("\n").filter(Boolean).sort(),
    subscriptions: (await kit.sse.getSubscriptions("room")).map(({ payload }) => (payload as { id: string }).id).sort(),
    listed: await list(),
    ada: await kit.sse.isConnected("room", { id: "ada" }),
  });
  const render: VariantRenderer = (variant) => kit.html`<p>${variant ?? "none"}</p>`;
  return { ...kit, origin, html, visit, watch, answers, errors, render };
}

type Node = Awaited<ReturnType<typeof start>>;

async function ended(stream: EventStream): Promise<void> {
  while ((await stream.next()) !== undefined);
}

const empty = { presence: [], fetched: [], subscriptions: [], listed: [], ada: false };

for (const { name, skip, start: startStore, open } of stores) {
  describe(`two applications over ${name}`, { skip }, () => {
    let stop: () => unknown;
    before(async () => {
      stop = await startStore();
    });
    after(() => stop());

    async function startOver(t: TestContext, options?: MercureOptions): Promise<() => Promise<Node>> {
      const transport = await open(t);
      return async () => start(t, await transport(), options);
    }

    async function startTwo(t: TestContext, options?: MercureOptions): Promise<[Node, Node]> {
      const startNext = await startOver(t, options);
      return [await startNext(), await startNext()];
    }

    test("answer the same about the people of both as soon as the change has arrived, and tell the pages of both", async (t) => {
      const [a, b] = await startTwo(t, { presenceGrace: 0 });
      // Nothing advances the clock of the log in memory, so no timer delays the announcements.
      const agree = async (expected: object) => {
        for (const { answers } of [a, b]) {
          await until(async () => isDeepStrictEqual(await answers(), expected));
        }
      };
      await agree(empty);
      const watchers = [await a.watch("/?user=watcher"), await b.watch("/?user=watcher")];
      const ada = await a.visit("/?user=ada");
      const both = ["ada: 1", "grace: 1"];
      const grace = await b.visit("/?user=grace");
      await agree({
        presence: both,
        fetched: both,
        subscriptions: ["ada", "grace"],
        listed: ["ada", "grace"],
        ada: true,
      });
      for (const watcher of watchers) assert.notEqual(await watcher.next(), undefined);
      ada.close();
      grace.close();
      await agree(empty);
      for (const watcher of watchers) assert.notEqual(await watcher.next(), undefined);
      assert.deepEqual([a.errors, b.errors], [[], []]);
    });

    for (const [what, target] of [
      ["subject", async () => ({ subject: "ada" })],
      ["topic", async () => ({ topic: "room" })],
      ["subscriber", async (node: Node) => ({ subscriber: (await node.sse.getSubscriptions("room"))[0]!.subscriber })],
    ] as const) {
      // A person whose streams have ended must not find a node that takes the old token.
      test(`answer the same on the next request after sse.disconnect by ${what}, at any of three, and refuse the token, also on one that starts later`, async (t) => {
        const startNext = await startOver(t);
        const [a, b, c] = [await startNext(), await startNext(), await startNext()];
        const path = "/?user=ada";
        const url = streamUrlOf(await b.html(path), b.origin);
        const stream = await openStream(t, url);
        for (const { answers } of [a, b, c]) await until(async () => (await answers()).ada);
        await a.sse.disconnect(await target(a));
        assert.deepEqual(await c.answers(), empty, "at a node without a part in it");
        assert.deepEqual(await b.answers(), empty, "at the node of the stream");
        assert.deepEqual(await a.answers(), empty);
        await ended(stream);
        for (const { origin } of [a, b, c, await startNext()]) {
          await ended(await openStream(t, url.replace(b.origin, origin)));
        }
      });
    }

    test("count the streams of a subject on both, and admit another on the next request after sse.disconnect", async (t) => {
      const [a, b] = await startTwo(t, { hub: { maxConnectionsPerSubject: 2 } });
      const pages = [a, b].map(
        async (node) => [node, streamUrlOf(await node.html("/?user=ada"), node.origin)] as const,
      );
      const streams = await Promise.all(
        (await Promise.all(pages)).map(async ([node, url]) => [node, url, await openStream(t, url)] as const),
      );
      for (const node of [a, b]) await until(async () => (await node.sse.getSubscriptions("room")).length === 2);
      for (const [, url] of streams) assert.equal((await openStream(t, url)).response.status, 429);
      await a.sse.disconnect({ subject: "ada" });
      const after = await Promise.all([b, b].map(async (node) => node.visit("/?user=ada")));
      for (const { response } of after) assert.equal(response.status, 200);
    });

    // The holder of a token opens streams at both at once, and each knows its own only.
    test("end the newest streams of a subject, if both have admitted them at the same time", async (t) => {
      const [a, b] = await startTwo(t, { hub: { maxConnectionsPerSubject: 2 } });
      const urls = await Promise.all(
        [a, b].map(async (node) => streamUrlOf(await node.html("/?user=ada"), node.origin)),
      );
      const streams = await Promise.all([...urls, ...urls].map((url) => openStream(t, url)));
      for (const { response } of streams) assert.ok([200, 429].includes(response.status), `${response.status}`);
      const counts = async () =>
        Promise.all([a, b].map(async ({ sse }) => (await sse.getSubscriptions("room")).length));
      await until(async () => isDeepStrictEqual(await counts(), [2, 2]) && a.hub.connections + b.hub.connections === 2);
      // Both have heard everything that either has accepted before.
      for (const { sse } of [a, b]) await sse.publish("other", "text");
      assert.deepEqual(await counts(), [2, 2]);
    });

    test("render a function as data for the variants of both", async (t) => {
      const [a, b] = await startTwo(t);
      const [de, plain] = [await b.visit("/board?locale=de"), await b.visit("/board")];
      await until(async () => (await a.sse.getSubscriptions("board")).length === 2);
      assert.equal((await a.sse.publish("board", a.render)).length, 2);
      assert.equal((await de.next())!.data, "<p>de</p>");
      assert.equal((await plain.next())!.data, "<p>none</p>");
    });

    test("miss nothing for a variant that begins at one while a function is rendered at the other", async (t) => {
      const [a, b] = await startTwo(t);
      const plain = await a.visit("/board");
      let rendered = () => {};
      const gate = new Promise<void>((resolve) => {
        rendered = resolve;
      });
      const publishing = a.sse.publish("board", async (variant) => {
        await gate;
        return a.render(variant);
      });
      const de = await b.visit("/board?locale=de");
      await until(async () => (await a.sse.getSubscriptions("board")).length === 2);
      rendered();
      await publishing;
      assert.equal((await plain.next())!.data, "<p>none</p>");
      assert.equal((await de.next())!.data, "<p>de</p>");
    });

    test("tell a page of a gap, if its variant was unknown where a function was published", async (t) => {
      const [a, b] = await startTwo(t);
      const url = streamUrlOf(await b.html("/board?locale=de"), b.origin);
      const id = new URL(url).searchParams.get("lastEventID") ?? assert.fail(url);
      await a.sse.publish("board", a.render);
      await ended(await openStream(t, url));
      for (const { origin } of [a, b]) {
        const again = await openStream(t, url.replace(b.origin, origin));
        assert.equal(again.response.status, 200);
        assert.notEqual(again.response.headers.get("last-event-id"), id);
      }
    });
  });
}
