import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Chunk } from "../../../src/hub/fan-out/chunk.js";
import { SubscriptionScope } from "../../../src/hub/fan-out/subscription-scope.js";
import { GrowingBuffer } from "../../../src/hub/http/growing-buffer.js";
import type { MemoryClaim } from "../../../src/hub/limits/memory-account.js";
import { excessOfRequest } from "../../../src/hub/limits/request-memory.js";
import { SubscriptionBudget } from "../../../src/hub/limits/subscription-budget.js";
import { readSharedOptions } from "../../../src/hub/options/read-options.js";
import { MatcherList } from "../../../src/protocol/matching/matcher.js";
import { bytesOfSubscriptions } from "../../../src/protocol/matching/subscription-memory.js";
import { OptionReader } from "../../../src/shared/option-reader.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { heapUsed } from "../../support/heap.js";
import { matchersOf } from "../../support/matchers-of.js";
import { draft, type RunningHub, startHub, subscribe, token, turn, until } from "../fixture.js";

const form = { "Content-Type": "application/x-www-form-urlencoded" };

/** A list of topics of this stream alone. */
const ownTopics = (stream: number, count: number, length: number) =>
  Array.from({ length: count }, (_, index) => `${stream}/${index}/`.padEnd(length, "x"));

const bodyOf = (topics: readonly string[]) => topics.map((topic) => `topic=${encodeURIComponent(topic)}`).join("&");

/** Opens a stream by a client that discards its data. Resolves to the answer's status. */
function openLightly(t: TestContext, { origin, hub }: RunningHub, body: string): Promise<number> {
  const socket = connect(Number(new URL(origin).port), "127.0.0.1");
  t.after(() => socket.destroy());
  socket.write(`${headOf(hub.path, Buffer.byteLength(body))}${body}`);
  return new Promise((resolve) => {
    socket.once("data", (data) => resolve(Number(data.toString("latin1", 9, 12))));
  });
}

const headOf = (path: string, length: number) =>
  `QUERY ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${form["Content-Type"]}\r\nContent-Length: ${length}\r\n\r\n`;

/** A budget for streams of certain addresses, without a hub. */
function budgetOf(bounds: { total: number; perAddress: number }) {
  const streams = new Set<MemoryClaim>();
  const budget = new SubscriptionBudget(bounds, streams);
  const request = { rawHeaders: [], url: "/" } as unknown as IncomingMessage;
  const enter = (address: string, topics: readonly string[]) => {
    const asked = new SubscriptionScope(matchersOf(topics), new MatcherList([]));
    const stream = {
      address,
      scope: budget.scopeLike(asked),
      bytes: excessOfRequest(request, bytesOfSubscriptions(asked.matchers)),
    };
    streams.add(stream);
    try {
      budget.enter(stream);
    } catch (error) {
      streams.delete(stream);
      throw error;
    }
    return () => {
      streams.delete(stream);
      budget.leave(stream);
    };
  };
  return { budget, enter, streams };
}

describe("the memory for subscriptions", () => {
  // A stranger opens streams for more and more new patterns: each is small, and together they fill the memory and stall every
  // update.
  test("has room for equal patterns, and rejects different ones above its bound", async (t) => {
    const { hub, url } = await startHub(t, { maxSubscriptionBytes: 100_000 });
    const statuses: number[] = [];
    for (let i = 0; i < 20; i++) statuses.push((await subscribe(t, url(`/a/${i}/{id}`))).status);
    assert.equal(statuses[0], 200);
    assert.equal(statuses.at(-1), 429);
    const open = hub.connections;
    assert.ok(open < 20);
    for (let i = 0; i < 20; i++) assert.equal((await subscribe(t, url("/a/0/{id}"))).status, 200);
    assert.equal((await subscribe(t, url(["a", "*"]))).status, 200);
    const refused = await subscribe(t, url("/b/{id}"));
    assert.ok(Number(refused.headers["retry-after"]) > 0);
  });

  // One address opens QUERY streams, each with the longest topics a request can hold, until the process ends.
  test("rejects streams of one address whose topics by name exceed its share, and no other address", async (t) => {
    const { hub, url, origin } = await startHub(t, { maxSubscriptionBytesPerAddress: 500_000 });
    const query = `${origin}${hub.path}`;
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      statuses.push((await subscribe(t, query, form, "QUERY", bodyOf(ownTopics(i, 30, 500)))).status);
    }
    assert.equal(statuses[0], 200);
    assert.equal(statuses.at(-1), 429);
    const elsewhere = await new Promise<number>((resolve, reject) => {
      const req = request(url("a"), { localAddress: "127.0.0.2", agent: false }, (res) => resolve(res.statusCode!));
      t.after(() => req.destroy());
      req.on("error", reject).end();
    });
    assert.equal(elsewhere, 200);
  });

  // Several addresses use up the budget, so that nobody else can subscribe.
  test("keeps room for a small stream when others have used up the budget", async (t) => {
    const { hub, url, origin } = await startHub(t, { maxSubscriptionBytes: 200_000 });
    const query = `${origin}${hub.path}`;
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      statuses.push((await subscribe(t, query, form, "QUERY", bodyOf(ownTopics(i, 30, 500)))).status);
    }
    assert.equal(statuses.at(-1), 429);
    for (let i = 0; i < 8; i++) assert.equal((await subscribe(t, url([`orders/${i}`, "news"]))).status, 200);
  });

  test("rejects a request whose topics take too much", async (t) => {
    const { hub, origin } = await startHub(t, { maxSubscriptionBytesPerRequest: 20_000 });
    const ask = async (count: number, length: number) =>
      (await subscribe(t, `${origin}${hub.path}`, form, "QUERY", bodyOf(ownTopics(0, count, length)))).status;
    assert.deepEqual(
      [await ask(10, 20), await ask(20, 20), await ask(1, 2000), await ask(2, 2000)],
      [200, 400, 200, 400],
    );
  });

  test("is released when a stream ends", async (t) => {
    const { hub, url } = await startHub(t, { maxSubscriptionBytes: 40_000 });
    for (let i = 0; i < 10; i++) {
      const subscriber = await subscribe(t, url([`/c/${i}/{id}`, `c${i}`]));
      assert.equal(subscriber.status, 200);
      subscriber.close();
      await until(() => hub.connections === 0);
    }
    assert.equal((await subscribe(t, url("/c/0/{id}"), {}, "HEAD")).status, 200);
    assert.equal((await subscribe(t, url("/c/1/{id}"))).status, 200);
  });

  test("counts the grants of tokens", async (t) => {
    const { url } = await startHub(t, { maxSubscriptionBytes: 40_000 });
    const patterns = await token({ subscribe: Array.from({ length: 5 }, (_, i) => `/d/${i}/{id}`) });
    const names = await token({ subscribe: ownTopics(0, 40, 20) });
    assert.equal((await subscribe(t, url("a", { authorization: patterns }))).status, 429);
    assert.equal((await subscribe(t, url("a", { authorization: names }))).status, 429);
    assert.equal((await subscribe(t, url("a"))).status, 200);
  });

  test("counts equal lists of topics once, and a little for each of their streams", () => {
    const { budget, enter } = budgetOf({ total: 0, perAddress: 0 });
    const leave = [enter("a", ["x", "y", "/a/{x}"])];
    const one = budget.bytes;
    for (let i = 0; i < 9; i++) leave.push(enter(`${i}`, ["y", "x", "/a/{x}"]));
    assert.ok(budget.bytes < one * 1.5, `${one}, ${budget.bytes}`);
    for (const go of leave) go();
    assert.equal(budget.bytes, 0);
  });

  test("counts the streams of an address once it can exceed its share, earlier streams included", () => {
    const { enter } = budgetOf({ total: 0, perAddress: 50_000 });
    const fill = (address: string) => {
      const leave: (() => void)[] = [];
      assert.throws(
        () => {
          for (;;)
            leave.push(
              enter(
                address,
                ownTopics(leave.length, 5, 20).map((topic) => address + topic),
              ),
            );
        },
        { status: 429 },
      );
      return leave;
    };
    const light = ["a", "b"].map((address) => enter(address, [`little of ${address}`]));
    const first = fill("a");
    const second = fill("b");
    assert.equal(first.length, second.length);
    for (const go of first) go();
    assert.equal(fill("a").length, first.length);
    enter("a", ["a little more"]);
    for (const go of [...light, ...second]) go();
    assert.equal(fill("b").length, second.length);
  });

  test("holds its documented value with ten thousand of the worst streams under the defaults", () => {
    const limits = readSharedOptions(new OptionReader({}, "", {}));
    const { maxSubscriptionBytes: total, maxSubscriptionBytesPerAddress: perAddress } = limits;
    const { budget, enter, streams } = budgetOf({ total, perAddress });
    const worst = [
      ownTopics(0, limits.maxMatchers, 1200),
      ownTopics(0, limits.maxMatchers, 20),
      ownTopics(0, 14, limits.maxMatcherLength).map((topic) => topic.replaceAll("x", "漢")),
      ownTopics(0, 1, 20),
    ];
    let stream = 0;
    for (const topics of worst) {
      // From a hundred addresses, until the hub refuses them all.
      for (let refusals = 0; refusals < 100 && streams.size < 10_000; stream++) {
        try {
          enter(`address ${stream % 100}`, [...topics.slice(1), `${stream}`]);
        } catch {
          refusals++;
        }
      }
    }
    assert.equal(streams.size, 10_000, "all small streams are admitted");
    assert.ok(budget.bytes > total * 0.99, "the worst streams use the whole budget");
    assert.ok(budget.bytes <= total, `${budget.bytes}`);
    // Each also takes up to 20 KiB, see "Memory of 10,000 streams" in docs/hub.md.
    assert.ok(total + 10_000 * 20 * 1024 < 460 * 1024 * 1024);
  });

  test("exceeds the measured memory of streams with long, short and wide topics", async (t) => {
    const transport = new MemoryTransport({ historyLength: 0 });
    const running = await startHub(t, { maxSubscriptionBytesPerAddress: 0, transport });
    const kinds = {
      short: (stream: number) => ownTopics(stream, 200, 20),
      long: (stream: number) => ownTopics(stream, 100, 1500),
      wide: (stream: number) => ownTopics(stream, 20, 1000).map((topic) => topic.replaceAll("x", "漢")),
    };
    const { budget, enter } = budgetOf({ total: 0, perAddress: 0 });
    const open = async (topics: readonly string[]) => {
      assert.equal(await openLightly(t, running, bodyOf(topics)), 200);
    };
    await open(["warm"]);
    for (const [name, topicsOf] of Object.entries(kinds)) {
      const count = 20;
      const before = heapUsed();
      for (let stream = 0; stream < count; stream++) await open(topicsOf(stream));
      const taken = (heapUsed() - before) / count;
      const counted = budget.bytes;
      const leave = enter("a", topicsOf(0));
      // Both ends of the connection are in this process.
      const estimate = budget.bytes - counted + 48 * 1024;
      leave();
      assert.ok(taken < estimate, `${name}: ${Math.round(taken)} of ${estimate}`);
    }
  });
});

describe("the memory for events that wait for slow readers", () => {
  // Ten thousand readers request history from different positions and read nothing, so each holds its own chunk.
  test("stays within the defaults with ten thousand stalled readers of history", () => {
    const limits = readSharedOptions(new OptionReader({}, "", {}));
    const { maxSubscriptionBytes: total, maxSubscriptionBytesPerAddress: perAddress } = limits;
    const { budget, enter, streams } = budgetOf({ total, perAddress });
    for (let i = 0; i < 10_000; i++) enter(`address ${i % 100}`, [`${i}`]);
    const chunk = Buffer.alloc(192 * 1024);
    let held = 0;
    let own = new Chunk([chunk]);
    for (const stream of streams) {
      try {
        budget.hold(stream, own);
      } catch {
        continue;
      }
      (stream as { waiting?: Chunk }).waiting = own;
      held += own.framed.length;
      own = new Chunk([chunk]);
    }
    assert.ok(held > total * 0.99 && budget.bytes <= total, `${held} ${budget.bytes}`);
    for (const stream of streams) {
      budget.letGo(stream);
      (stream as { waiting?: Chunk | undefined }).waiting = undefined;
    }
    assert.ok(budget.bytes < total / 10);
  });

  test("counts the same events once for all readers of an address", () => {
    const { budget, enter, streams } = budgetOf({ total: 0, perAddress: 150_000 });
    for (let i = 0; i < 100; i++) enter("a", [`${i}`]);
    const before = budget.bytes;
    const shared = new Chunk([Buffer.alloc(100_000)]);
    for (const stream of streams) {
      budget.hold(stream, shared);
      (stream as { waiting?: Chunk }).waiting = shared;
    }
    assert.equal(budget.bytes - before, shared.framed.length);
    const [first] = streams;
    assert.throws(() => budget.hold(first!, new Chunk([Buffer.alloc(100_000)])), { status: 429 });
  });

  test("disconnects stalled readers without room, which miss nothing when they reconnect", async (t) => {
    const size = 100_000;
    const transport = new MemoryTransport({ maxHistoryBytes: 1e9 });
    const { hub, url, sockets } = await startHub(t, { transport, maxSubscriptionBytesPerAddress: 350_000 });
    for (let i = 0; i < 200; i++) await hub.publish(draft("a", `${i} `.padEnd(size, "x")));
    const readers = [];
    for (let i = 0; i < 12; i++) {
      const reader = await subscribe(t, url(["a", `own-${i}`], { lastEventID: "earliest" }));
      reader.pause();
      readers.push(reader);
    }
    await until(() => sockets.every((socket) => socket.destroyed || socket.writableLength > 0));
    await until(() => hub.connections === sockets.filter((socket) => !socket.destroyed).length);
    assert.ok(hub.connections > 0 && hub.connections <= 3, `${hub.connections}`);
    for (const reader of readers) reader.resume();
    const cut = readers.find(({ events, ended }) => ended || events.length < 200)!;
    await cut.until(({ ended, events }) => ended || events.length === 200);
    const lastSeen = cut.events.at(-1)?.id ?? "earliest";
    const back = await subscribe(t, url("a", { lastEventID: lastSeen }));
    await back.until(({ events }) => events.length + cut.events.length === 200);
    const seen = [...cut.data, ...back.data].map((text) => Number.parseInt(text, 10));
    assert.deepEqual(
      seen,
      Array.from({ length: 200 }, (_, i) => i),
    );
  });
});

describe("the memory for requests", () => {
  // A client sends a body byte by byte: a list of its parts would take a hundred times its length.
  test("holds a body in one buffer within its limit, however small its parts are", () => {
    let taken = 0;
    const body = new GrowingBuffer(100_000, (bytes) => {
      taken += bytes;
    });
    for (let i = 0; i < 100_000; i++) body.append(Buffer.from([i % 256]));
    assert.deepEqual([body.length, body.bytes.length, taken], [100_000, 100_000, 100_000]);
    assert.deepEqual([...body.bytes.subarray(254, 258)], [254, 255, 0, 1]);
  });

  // A client begins many QUERY requests, sends most of each body, and then stalls.
  test("is counted while bodies are read, and released afterwards", async (t) => {
    const { hub, origin, url } = await startHub(t, { maxSubscriptionBytes: 200_000 });
    const answers: string[] = [];
    const slow = Array.from({ length: 8 }, () => {
      const socket = connect(Number(new URL(origin).port), "127.0.0.1");
      t.after(() => socket.destroy());
      socket.write(`${headOf(hub.path, 90_000)}topic=a&${"x".repeat(60_000)}`);
      socket.on("data", (data) => answers.push(data.toString()));
      return socket;
    });
    await until(() => answers.length >= 5);
    assert.ok(answers.every((answer) => answer.startsWith("HTTP/1.1 429")));
    for (const socket of slow) socket.destroy();
    let status = 0;
    while (status !== 200) ({ status } = await subscribe(t, url(ownTopics(0, 20, 100))));
  });

  // A head of two thousand tiny headers takes twenty times its length, as long as the stream is open.
  test("counts heads above the usual size", async (t) => {
    const tiny = Array.from({ length: 1000 }, (_, index) => [`x${index}`, "1"]).flat();
    const usual = Array.from({ length: 15 }, () => ["Accept-Language", "en-GB,en;q=0.9,de;q=0.8"]).flat();
    assert.ok(excessOfRequest({ rawHeaders: tiny, url: "/" } as never, 0) > 90_000);
    assert.equal(excessOfRequest({ rawHeaders: usual, url: "/" } as never, 1000), 0);
    const { url } = await startHub(t, { maxSubscriptionBytes: 60_000 });
    const headers = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`x${index}`, "1"]));
    assert.equal((await subscribe(t, url("a"), headers)).status, 429);
    assert.equal((await subscribe(t, url("a"))).status, 200);
  });

  // A body of junk around one topic: its remains would stay as long as the stream.
  test("releases a body after it is read", async (t) => {
    const running = await startHub(t);
    const open = async (stream: number) => {
      const body = `topic=a-topic-by-name-${stream}&${"x".repeat(200_000)}`;
      assert.equal(await openLightly(t, running, body), 200);
    };
    await open(0);
    const used = () => heapUsed() + process.memoryUsage().arrayBuffers;
    const before = used();
    for (let stream = 1; stream <= 20; stream++) await open(stream);
    let each = Number.POSITIVE_INFINITY;
    // Memory outside the heap is freed some turns after its collection.
    for (let look = 0; look < 50 && each >= 100_000; look++) {
      await turn();
      each = (used() - before) / 20;
    }
    assert.ok(each < 100_000, `${Math.round(each)} bytes each`);
  });
});
