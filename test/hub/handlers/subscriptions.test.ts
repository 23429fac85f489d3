import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import express from "express";
import { Hub } from "../../../src/hub/index.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { isQuick } from "../../support/depth.js";
import { ManualClock } from "../../support/manual-clock.js";
import { draft, RemoteTransport, type RunningHub, startHub, subscribe, token, turn, until } from "../fixture.js";

const base = "/.well-known/mercure/subscriptions";

interface Event {
  readonly id: string;
  readonly topic: string;
  readonly subscriber: string;
  readonly active: boolean;
  readonly payload?: unknown;
}

async function authorization(...selectors: string[]): Promise<{ Authorization: string }> {
  return { Authorization: `Bearer ${await token({ subscribe: selectors })}` };
}

/** A subscriber to the subscription events of one topic, parsed from JSON as they arrive. */
async function watch(t: TestContext, { url }: RunningHub, topic: string) {
  const events = `${base}/${encodeURIComponent(topic)}`;
  const watcher = await subscribe(t, url(events), await authorization(events));
  return { ...watcher, seen: () => watcher.data.map((data) => JSON.parse(data) as Event) };
}

describe("subscription events", () => {
  test("tell each time a subscription is created or terminated", async (t) => {
    const running = await startHub(t);
    const watcher = await watch(t, running, "a");
    const subscriber = await subscribe(t, running.url("a"));
    await watcher.until(({ events }) => events.length === 1);
    subscriber.close();
    await watcher.until(({ events }) => events.length === 2);
    const [begun, ended] = watcher.seen();
    assert.deepEqual(begun, {
      "@context": "https://mercure.rocks/",
      id: `${base}/a/${encodeURIComponent(begun!.subscriber)}`,
      type: "Subscription",
      topic: "a",
      subscriber: begun!.subscriber,
      active: true,
    });
    assert.match(begun!.subscriber, /^urn:uuid:[0-9a-f-]{36}$/);
    assert.deepEqual(ended, { ...begun, active: false });
    assert.ok(watcher.events.every(({ event, id }) => event === undefined && id));
  });

  test("come once for each selector, all under one subscriber id of this connection alone", async (t) => {
    const running = await startHub(t);
    const [ofA, ofB] = await Promise.all([watch(t, running, "a"), watch(t, running, "b")]);
    await subscribe(t, running.url(["a", "b", "a"]));
    await subscribe(t, running.url("a"));
    await ofA.until(({ events }) => events.length === 2);
    await ofB.until(({ events }) => events.length === 1);
    assert.equal(ofA.seen()[0]!.subscriber, ofB.seen()[0]!.subscriber);
    assert.notEqual(ofA.seen()[0]!.subscriber, ofA.seen()[1]!.subscriber);
  });

  test("have an expanded template with percent-encoded variables as their topic", async (t) => {
    const running = await startHub(t);
    const topic = "https://example.com/{é}/!'()*?x=1&y#☃ %2F";
    const path = `${base}/https%3A%2F%2Fexample.com%2F%7B%C3%A9%7D%2F%21%27%28%29%2A%3Fx%3D1%26y%23%E2%98%83%20%252F`;
    const watcher = await subscribe(t, running.url(path), await authorization(path));
    await subscribe(t, running.url(topic));
    await watcher.until(({ events }) => events.length === 1);
    const { id, subscriber, topic: told } = JSON.parse(watcher.data[0]!) as Event;
    assert.equal(told, topic);
    assert.equal(id, `${path}/${subscriber.replaceAll(":", "%3A")}`);
  });

  test("carry the mercure.payload of the subscriber's token", async (t) => {
    const running = await startHub(t);
    const watcher = await watch(t, running, "a");
    const payload = { user: { id: 7, name: "Ada" } };
    await subscribe(t, running.url("a", { authorization: await token({ payload }) }));
    await watcher.until(({ events }) => events.length === 1);
    assert.deepEqual(watcher.seen()[0]!.payload, payload);
  });

  // A wildcard subscription alone must not reveal other subscribers.
  test("are private: * and their topic bring them only with a token that grants them", async (t) => {
    const running = await startHub(t);
    const outsiders = await Promise.all([
      subscribe(t, running.url("*")),
      subscribe(t, running.url([`${base}/a`, "done"])),
      subscribe(t, running.url("*"), await authorization("a", base)),
    ]);
    const watcher = await watch(t, running, "a");
    await subscribe(t, running.url("a"));
    await watcher.until(({ events }) => events.length === 1);
    await running.hub.publish(draft("done", "done"));
    for (const outsider of outsiders) {
      await outsider.until(({ data }) => data.includes("done"));
      assert.deepEqual(outsider.data, ["done"]);
    }
  });

  test("report the end of one subscription to a token for its topic", async (t) => {
    const running = await startHub(t);
    const subscriber = await subscribe(t, running.url("a"));
    const [{ id } = assert.fail()] = running.hub.subscriptions("a");
    const watcher = await subscribe(t, running.url(id), await authorization(id));
    await subscribe(t, running.url("a"));
    subscriber.close();
    await watcher.until(({ events }) => events.length === 1);
    assert.equal((JSON.parse(watcher.data[0]!) as Event).active, false);
  });

  test("continue from the lastEventID of a list without a gap", async (t) => {
    const running = await startHub(t);
    const headers = await authorization(`${base}/a`);
    const listed = (await (await fetch(`${running.origin}${base}/a`, { headers })).json()) as { lastEventID: string };
    assert.equal(listed.lastEventID, "earliest");
    const first = await subscribe(t, running.url("a"));
    await until(() => running.hub.connections === 1);
    const again = (await (await fetch(`${running.origin}${base}/a`, { headers })).json()) as { lastEventID: string };
    first.close();
    await until(() => running.hub.connections === 0);
    await running.hub.publish(draft("a", "no event"));
    for (const [lastEventID, expected] of [
      ["earliest", [true, false]],
      [again.lastEventID, [false]],
    ] as const) {
      const watcher = await subscribe(t, running.url(`${base}/a`, { lastEventID }), headers);
      await watcher.until(({ events }) => events.length === expected.length);
      assert.equal(watcher.headers["last-event-id"], lastEventID);
      assert.deepEqual(
        watcher.data.map((data) => (JSON.parse(data) as Event).active),
        expected,
      );
      watcher.close();
    }
  });

  test("announce a subscription once its stream exists", async (t) => {
    const running = await startHub(t);
    const watcher = await watch(t, running, "a");
    for (const [query, method] of [
      ["topic=a", "HEAD"],
      ["topic=a&topic=", "GET"],
      ["topic=a&authorization=bad", "GET"],
    ] as const) {
      await fetch(`${running.origin}/.well-known/mercure?${query}`, { method });
    }
    await subscribe(t, running.url("a"));
    await watcher.until(({ events }) => events.length === 1);
    assert.equal(running.hub.subscriptions("a").length, 1);
  });

  test("omit a client that disconnects while history is being read", async (t) => {
    const running = await startHub(t, { transport: new RemoteTransport() });
    const socket = connect(Number(new URL(running.origin).port), "127.0.0.1");
    socket.write(`GET /.well-known/mercure?topic=a&lastEventID=earliest HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => running.sockets.length === 1);
    socket.destroy();
    await until(() => running.sockets[0]!.destroyed);
    for (let i = 0; i < 10; i++) await turn();
    assert.deepEqual(running.hub.subscriptions(), []);
    assert.equal(running.transport.head, 0);
  });

  test("report the end when the token expires, and when the peer vanishes", async (t) => {
    const clock = new ManualClock();
    const running = await startHub(t, { keepaliveInterval: 0.02, connectionLifetime: 0 }, clock);
    const watcher = await watch(t, running, "a");
    const exp = Math.floor(clock.now() / 1000) + 10;
    await subscribe(t, running.url("a", { authorization: await token({}, { exp }) }));
    clock.advance(10);
    await watcher.until(({ events }) => events.length === 2);
    const peer = connect(Number(new URL(running.origin).port), "127.0.0.1");
    peer.on("error", () => {});
    peer.write("GET /.well-known/mercure?topic=a HTTP/1.1\r\nHost: x\r\n\r\n");
    await watcher.until(({ events }) => events.length === 3);
    // A peer that restarted answers so: it has no record of the hub's connection.
    peer.resetAndDestroy();
    await watcher.until(({ events }) => events.length === 4);
    assert.deepEqual(
      watcher.seen().map(({ active }) => active),
      [true, false, true, false],
    );
  });

  test("report the end after the beginning, however slow the transport is", async (t) => {
    class Slow extends MemoryTransport {
      override async publish(...args: Parameters<MemoryTransport["publish"]>) {
        if (args[0].data.includes('"active":true')) for (let i = 0; i < 20; i++) await turn();
        return super.publish(...args);
      }
    }
    const running = await startHub(t, { transport: new Slow() });
    const watcher = await watch(t, running, "a");
    (await subscribe(t, running.url("a"))).close();
    await watcher.until(({ events }) => events.length === 2);
    assert.deepEqual(
      watcher.seen().map(({ active }) => active),
      [true, false],
    );
  });

  test("are reported when they cannot be published, and the stream continues", async (t) => {
    class Failing extends MemoryTransport {
      override async publish(...args: Parameters<MemoryTransport["publish"]>) {
        if (args[1] !== undefined) throw new Error("no room");
        return super.publish(...args);
      }
    }
    const running = await startHub(t, { transport: new Failing() });
    const subscriber = await subscribe(t, running.url("a"));
    await until(() => running.errors.length === 1);
    await running.hub.publish(draft("a", "1"));
    await subscriber.until(({ data }) => data[0] === "1");
  });

  // A client that connects again and again must not evict publishers' updates.
  test("take no space in the history of updates", async (t) => {
    const transport = new MemoryTransport({ maxHistoryBytes: 32_000 });
    const running = await startHub(t, { transport });
    const before = running.hub.lastEventId;
    await running.hub.publish(draft("a", "kept"));
    const { historyBytes } = transport;
    for (let i = 0; i < 100; i++) (await subscribe(t, running.url(["a", `b-${i}`]))).close();
    await until(() => running.hub.connections === 0);
    assert.equal(transport.historyBytes, historyBytes);
    const late = await subscribe(t, running.url(["a", "quiet"], { lastEventID: before }));
    assert.equal(late.headers["last-event-id"], before);
    await late.until(({ data }) => data[0] === "kept");
    const watcher = await subscribe(t, running.url(`${base}/a`, { lastEventID: before }));
    assert.notEqual(watcher.headers["last-event-id"], before, "the loss of these events is reported");
  });

  test("leave nothing behind after hundreds of streams, a thousand in CI", async (t) => {
    const rounds = isQuick ? 4 : 20;
    const running = await startHub(t);
    const watcher = await watch(t, running, "a");
    for (let i = 0; i < rounds; i++) {
      const subscribers = await Promise.all(Array.from({ length: 50 }, () => subscribe(t, running.url("a"))));
      assert.equal(running.hub.subscriptions("a").length, 50);
      for (const subscriber of subscribers) subscriber.close();
      await until(() => running.hub.subscriptions("a").length === 0);
    }
    await watcher.until(({ events }) => events.length === 2 * 50 * rounds);
    const balance = new Map<string, number>();
    for (const { subscriber, active } of watcher.seen()) {
      balance.set(subscriber, (balance.get(subscriber) ?? 0) + (active ? 1 : -1));
    }
    assert.equal(balance.size, 50 * rounds);
    assert.ok([...balance.values()].every((count) => count === 0));
    watcher.close();
    await until(() => running.hub.connections === 0);
    assert.deepEqual(running.hub.subscriptions(), []);
  });

  test("tell the transport that all have ended when the hub closes", async (t) => {
    const running = await startHub(t);
    await subscribe(t, running.url(["a", "b"]));
    await until(() => running.hub.connections === 1);
    await running.hub.close();
    const { updates } = await running.transport.read({ topics: "*", after: 0 });
    const told = updates.map(({ update }) => JSON.parse(update.data) as Event);
    assert.deepEqual(
      told.map(({ topic, active }) => [topic, active]),
      [
        ["a", true],
        ["b", true],
        ["a", false],
        ["b", false],
      ],
    );
  });

  test("cover streams that the application opens, with its payload", async (t) => {
    const hub = new Hub({ transport: new MemoryTransport(), keepaliveInterval: 0 });
    const server = createServer((req, res) => hub.stream(req, res, { topics: ["a"], payload: { user: 7 } }));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    t.after(() => hub.close());
    await subscribe(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    assert.deepEqual(
      hub.subscriptions("a").map(({ payload }) => payload),
      [{ user: 7 }],
    );
    assert.deepEqual(hub.subscriptions("b"), []);
    assert.deepEqual(hub.subscriptions("a", "urn:uuid:other"), []);
  });

  test("are disabled with the API by the option subscriptions", async (t) => {
    const running = await startHub(t, { subscriptions: false });
    await subscribe(t, running.url("a"));
    await until(() => running.hub.connections === 1);
    assert.equal(running.transport.head, 0);
    assert.deepEqual(running.hub.subscriptions(), []);
    const headers = await authorization("*");
    assert.equal((await fetch(`${running.origin}${base}`, { headers })).status, 404);
  });
});

describe("the web API of subscriptions", () => {
  const topics = ["a", "https://example.com/{sélector}?x=1", "chat/room 1/☃", "*"];

  async function get(running: RunningHub, path: string, ...selectors: string[]) {
    return fetch(`${running.origin}${path}`, { headers: await authorization(...selectors) });
  }

  test("returns the collection of subscriptions", async (t) => {
    const running = await startHub(t);
    await subscribe(t, running.url(topics, { authorization: await token({ payload: [1] }) }));
    await subscribe(t, running.url("a"));
    await until(() => running.hub.connections === 2);
    const answer = await get(running, base, base);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "application/ld+json");
    assert.equal(answer.headers.get("cache-control"), "private, no-cache, must-revalidate");
    assert.equal(answer.headers.get("link"), '</.well-known/mercure>; rel="mercure"');
    const { subscriptions, ...rest } = (await answer.json()) as { subscriptions: Event[] };
    const { lastEventId } = running.hub;
    const context = "https://mercure.rocks/";
    assert.deepEqual(rest, { "@context": context, id: base, type: "Subscriptions", lastEventID: lastEventId });
    assert.deepEqual(subscriptions.map(({ topic }) => topic).sort(), [...topics, "a"].sort());
    assert.deepEqual(subscriptions, running.hub.subscriptions());
  });

  for (const topic of topics) {
    test(`returns the subscriptions of ${topic}, and each of them`, async (t) => {
      const running = await startHub(t);
      await subscribe(t, running.url(topics, { authorization: await token({ payload: { name: "Ada" } }) }));
      await subscribe(t, running.url("other"));
      await until(() => running.hub.connections === 2);
      const path = `${base}/${encodeURIComponent(topic).replaceAll("*", "%2A")}`;
      const answer = await get(running, path, path);
      const { lastEventId: lastEventID } = running.hub;
      const context = { "@context": "https://mercure.rocks/" };
      const [one = assert.fail()] = running.hub.subscriptions(topic);
      const expected = { ...context, id: path, type: "Subscriptions", subscriptions: [one], lastEventID };
      assert.deepEqual(await answer.json(), expected);

      const single = await get(running, one.id, one.id);
      assert.deepEqual(await single.json(), { ...context, ...one, lastEventID });
      assert.deepEqual(one.payload, { name: "Ada" });
      // A path can contain a colon unencoded, and clients differ in their encoding: it is the same resource.
      assert.equal((await get(running, one.id.replaceAll("%3A", ":"), one.id)).status, 200);
    });
  }

  test("answers 401 without a token, 403 without a grant for the URL, and 404 for an unknown subscription", async (t) => {
    const running = await startHub(t);
    await subscribe(t, running.url("a"));
    await until(() => running.hub.connections === 1);
    const [{ id } = assert.fail()] = running.hub.subscriptions("a");
    for (const path of [base, `${base}/a`, id]) {
      const anonymous = await fetch(`${running.origin}${path}`);
      assert.equal(anonymous.status, 401);
      assert.match(anonymous.headers.get("www-authenticate")!, /^Bearer/);
      const selectors = [base, `${base}/a`, id, "a", `${base}/b`].filter((selector) => selector !== path);
      assert.equal((await get(running, path, ...selectors)).status, 403, path);
      assert.equal((await get(running, path, path)).status, 200);
      assert.equal((await get(running, path, "*")).status, 200);
    }
    for (const path of [`${base}/a/urn%3Auuid%3Aother`, `${base}/b/x`, `${base}/a/b/c`, `${base}/%FF`, `${base}//x`]) {
      assert.equal((await get(running, path, "*")).status, 404, path);
    }
    // A client without access to the URL cannot learn what exists there.
    assert.equal((await get(running, `${base}/a/urn%3Auuid%3Aother`, "a")).status, 403);
    assert.equal((await get(running, `${base}/nobody`, "*")).status, 200);
  });

  test("answers 404 for a subscription that has ended", async (t) => {
    const running = await startHub(t);
    const subscriber = await subscribe(t, running.url("a"));
    const [{ id } = assert.fail()] = running.hub.subscriptions("a");
    subscriber.close();
    await until(() => running.hub.connections === 0);
    assert.equal((await get(running, id, id)).status, 404);
  });

  test("lets caches validate an answer by its ETag", async (t) => {
    const running = await startHub(t);
    await subscribe(t, running.url("a"));
    await until(() => running.hub.connections === 1);
    const etag = (await get(running, base, "*")).headers.get("etag")!;
    const ask = async (known: string, method = "GET") =>
      fetch(`${running.origin}${base}`, { method, headers: { ...(await authorization("*")), "If-None-Match": known } });
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const answer = await ask(known);
      assert.equal(answer.status, 304);
      assert.equal(answer.headers.get("etag"), etag);
    }
    assert.equal((await ask('"x"')).status, 200);
    const head = await ask('"x"', "HEAD");
    assert.deepEqual([head.status, head.headers.get("etag")], [200, etag]);
    await subscribe(t, running.url("a"));
    await until(() => running.hub.connections === 2);
    assert.equal((await ask(etag)).status, 200);
  });

  // A bearer lists very many subscriptions, again and again.
  test("lists 20,000 subscriptions piece by piece, with turns for others in between", async (t) => {
    const running = await startHub(t);
    for (let stream = 0; stream < 100; stream++) {
      const topics = Array.from({ length: 200 }, (_, index) => `${"x".repeat(50)}${index}`);
      await subscribe(t, running.url(topics));
    }
    const socket = connect(Number(new URL(running.origin).port), "127.0.0.1");
    t.after(() => socket.destroy());
    const { Authorization } = await authorization("*");
    socket.write(`GET ${base} HTTP/1.1\r\nHost: x\r\nAuthorization: ${Authorization}\r\nConnection: close\r\n\r\n`);
    const read: Buffer[] = [];
    let turns = 0;
    let isOpen = true;
    const look = () => {
      turns++;
      if (isOpen) setImmediate(look);
    };
    setImmediate(look);
    const answer = new Promise<void>((resolve) => socket.on("close", resolve));
    socket.on("data", (data) => read.push(data));
    await answer;
    isOpen = false;
    const text = Buffer.concat(read).toString();
    assert.match(text, /^HTTP\/1\.1 200 .*\r\nTransfer-Encoding: chunked/is);
    assert.equal(text.match(/"active":true/g)?.length, 20_000);
    assert.ok(turns > 100, `${turns} turns`);
  });

  test("answers GET and HEAD only", async (t) => {
    const running = await startHub(t, { allowPublish: true });
    const answer = await fetch(`${running.origin}${base}`, { method: "POST", headers: await authorization("*") });
    assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "GET, HEAD"]);
  });

  test("links the hub's public URL behind Express at any path", async (t) => {
    const hub = new Hub({
      transport: new MemoryTransport(),
      path: "/hub",
      subscriberKey: "subscriber-key-subscriber-key-32",
    });
    const inner = express().use("/hub", hub.handle);
    const server = express().use("/app", inner).listen(0, "127.0.0.1");
    t.after(() => server.close());
    t.after(() => hub.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await subscribe(t, `${origin}/app/hub?topic=a/b`);
    const headers = await authorization("/hub/subscriptions/a%2Fb");
    const answer = await fetch(`${origin}/app/hub/subscriptions/a%2Fb/`, { headers });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("link"), '</app/hub>; rel="mercure"');
    assert.equal(((await answer.json()) as { subscriptions: Event[] }).subscriptions[0]?.topic, "a/b");
  });
});
