import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { Dispatcher } from "../../src/hub/fan-out/dispatcher.js";
import { Hub } from "../../src/hub/index.js";
import { MatcherList } from "../../src/protocol/matching/matcher.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { matchersOf } from "../support/matchers-of.js";
import { draft, RemoteTransport, startHub, subscribe, turn, until } from "./fixture.js";

describe("keep-alive", () => {
  test("sends comments while the stream is idle, which readers do not see as events", async (t) => {
    const { url } = await startHub(t, { keepaliveInterval: 0.01 });
    const subscriber = await subscribe(t, url("a"));
    await subscriber.until(({ comments }) => comments.length >= 4);
    assert.deepEqual(subscriber.events, []);
  });

  test("is disabled by 0", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const { url } = await startHub(t, { keepaliveInterval: 0 });
    const subscriber = await subscribe(t, url("a"));
    await subscriber.until(({ comments }) => comments.length === 1);
    t.mock.timers.tick(3_600_000);
    await turn();
    assert.equal(subscriber.comments.length, 1);
  });

  test("defaults to 15 seconds, with one timer for all", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const { url } = await startHub(t, { keepaliveInterval: undefined });
    const subscribers = await Promise.all([subscribe(t, url("a")), subscribe(t, url("a"))]);
    for (const subscriber of subscribers) await subscriber.until(({ comments }) => comments.length === 1);
    t.mock.timers.tick(14_999);
    t.mock.timers.tick(1);
    for (const subscriber of subscribers) await subscriber.until(({ comments }) => comments.length === 2);
  });
});

describe("disconnection", () => {
  test("removes the subscriber", async (t) => {
    const { hub, url } = await startHub(t);
    const subscribers = await Promise.all(Array.from({ length: 20 }, (_, i) => subscribe(t, url(["a", `b-${i}`]))));
    assert.equal(hub.connections, 20);
    for (const subscriber of subscribers) subscriber.close();
    await until(() => hub.connections === 0);
    await hub.publish(draft("a", "to nobody"));
  });

  test("cleans up while history is still being read", async (t) => {
    const { hub, url, sockets } = await startHub(t, { transport: new RemoteTransport() });
    await hub.publish(draft("a"));
    const req = request(url("a", { lastEventID: "earliest" }), { agent: false });
    req.on("error", () => {});
    req.end();
    await until(() => sockets.length === 1);
    req.destroy();
    await until(() => sockets[0]!.destroyed);
    for (let i = 0; i < 10; i++) await turn();
    assert.equal(hub.connections, 0);
  });

  test("releases the dispatcher's memory for the recipient", () => {
    const dispatcher = new Dispatcher(new MemoryTransport());
    const recipients = [["a"], ["a", "b"], ["*"], ["a", "*"]].map((selectors) => ({
      matchers: matchersOf(selectors),
      privateTopics: MatcherList.all,
      receive() {},
      missed: () => [],
      end() {},
    }));
    for (const recipient of recipients) dispatcher.add(recipient);
    assert.equal(dispatcher.size, 3);
    for (const recipient of recipients) dispatcher.remove(recipient);
    assert.equal(dispatcher.size, 0);
  });

  // Listeners that stay on a kept-alive socket pile up with every request on it.
  test("leaves no listeners on a reused socket", async (t) => {
    const { url, sockets } = await startHub(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const ask = async (method: string) => {
      const req = request(url("a"), { method, agent }).end();
      const [res] = await once(req, "response");
      res.resume();
      await once(res, "end");
    };
    await ask("PUT");
    const listeners = sockets[0]!.listenerCount("close");
    for (let i = 0; i < 20; i++) await ask(i % 2 === 0 ? "DELETE" : "PUT");
    assert.equal(sockets.length, 1);
    assert.equal(sockets[0]!.listenerCount("close"), listeners);
  });
});

describe("Hub.close", () => {
  test("ends all streams at once, and the server can close", async (t) => {
    const hub = new Hub({ transport: new MemoryTransport() });
    const server = createServer(hub.handle).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${hub.path}?topic=a`;
    const subscribers = await Promise.all([subscribe(t, url), subscribe(t, url)]);
    await hub.close();
    assert.equal(hub.connections, 0);
    const closed = new Promise((resolve) => server.close(resolve));
    for (const subscriber of subscribers) await subscriber.until(({ ended }) => ended);
    await closed;
    await hub.close();
  });

  // A thousand clients that reconnect in the same moment overload the next process.
  test("spreads the reconnection of clients when asked to", async (t) => {
    const { hub, url } = await startHub(t);
    const responses = await Promise.all([1, 2, 3, 4].map(() => fetch(url("a"))));
    await hub.close({ retrySpread: 60 });
    const texts = await Promise.all(responses.map((response) => response.text()));
    const times = texts.map((text) => Number(/^:\nid: #.*\nretry: ([0-9]+)\n\n$/.exec(text)?.[1]));
    for (const time of times) assert.ok(time > 1000 && time <= 61_000, `retry is ${time}`);
    assert.ok(new Set(times).size > 1);
  });

  // One client that reads nothing must not keep a process from ending.
  test("finishes despite a client that hangs", async (t) => {
    const transport = new MemoryTransport({ maxHistoryBytes: 1e9 });
    const { hub, url, sockets } = await startHub(t, { transport, maxBacklogBytes: 0 });
    const hanging = await subscribe(t, url("a"));
    hanging.pause();
    for (let i = 0; i < 200; i++) {
      await hub.publish(draft("a", "x".repeat(100_000)));
      await turn();
    }
    assert.ok(sockets[0]!.writableLength > 0);
    await hub.close();
    await until(() => sockets[0]!.destroyed);
  });

  test("tells later clients to reconnect", async (t) => {
    const { hub, url } = await startHub(t);
    await hub.close();
    const answer = await fetch(url("a"));
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get("retry-after"), "1");
    await assert.rejects(hub.publish(draft("a")), { code: "ERR_CLOSED" });
  });

  test("also ends clients that are still joining", async (t) => {
    const { hub, url, sockets } = await startHub(t, { transport: new RemoteTransport() });
    const joining = subscribe(t, url("a", { lastEventID: "earliest" }));
    await until(() => sockets[0] !== undefined && sockets[0].bytesRead > 0);
    await hub.close();
    assert.equal((await joining).status, 503);
  });

  test("leaves no timer and no listener behind", async (t) => {
    const transport = new MemoryTransport();
    const started = t.mock.method(globalThis, "setInterval");
    const cleared = t.mock.method(globalThis, "clearInterval");
    const { hub, url } = await startHub(t, { transport, keepaliveInterval: 12 });
    const subscriber = await subscribe(t, url("a"));
    await hub.close();
    await subscriber.until(({ ended }) => ended);
    await transport.publish(draft("a", "heard by nobody"));
    const timers = started.mock.calls.filter(({ arguments: [, delay] }) => delay === 12_000);
    assert.equal(timers.length, 1);
    assert.ok(cleared.mock.calls.some(({ arguments: [timer] }) => timer === timers[0]!.result));
  });
});

describe("a transport that fails", () => {
  test("is reported, and the client learns nothing of it", async (t) => {
    class Failing extends MemoryTransport {
      override read(): never {
        throw new Error("secret address");
      }
    }
    const { hub, url, errors } = await startHub(t, { transport: new Failing() });
    const answer = await fetch(url("a", { lastEventID: hub.lastEventId }));
    assert.equal(answer.status, 500);
    assert.doesNotMatch(await answer.text(), /secret/);
    assert.equal(errors.length, 1);
  });

  test("ends a stream that cannot continue, so that the client reconnects", async (t) => {
    let failing = false;
    class Failing extends MemoryTransport {
      override read(query: Parameters<MemoryTransport["read"]>[0]) {
        if (failing) throw new Error("lost");
        return super.read(query);
      }
    }
    const transport = new Failing({ maxHistoryBytes: 1e9 });
    const { hub, url, errors } = await startHub(t, { transport, maxBacklogBytes: 0 });
    const subscriber = await subscribe(t, url("a"));
    subscriber.pause();
    for (let i = 0; i < 200; i++) {
      await hub.publish(draft("a", "x".repeat(100_000)));
      await turn();
    }
    failing = true;
    subscriber.resume();
    await subscriber.until(({ ended }) => ended);
    assert.equal(hub.connections, 0);
    assert.equal(errors.length, 1);
  });
});
