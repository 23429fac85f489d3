import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { draft, RemoteTransport, startHub, subscribe, turn, until } from "../fixture.js";

/** More than the system's buffers on both sides of a loopback connection hold. */
const size = 100_000;
const count = 300;

const payload = (i: number) => `${i} `.padEnd(size, "x");
const numbers = (data: readonly string[]) => data.map((text) => Number.parseInt(text, 10));
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("a slow reader", () => {
  // One reader who reads nothing must not make the hub buffer updates, or a few such readers fill its memory.
  for (const Transport of [MemoryTransport, RemoteTransport]) {
    test(`costs bounded memory, and catches up without a gap (${Transport.name})`, async (t) => {
      const transport = new Transport({ maxHistoryBytes: 4 * size * count });
      const { hub, url, sockets } = await startHub(t, { transport, maxBacklogBytes: 0 });
      const slow = await subscribe(t, url("a"));
      slow.pause();
      const fast = await subscribe(t, url("a"));
      for (let i = 0; i < count; i++) {
        await hub.publish(draft("a", payload(i)));
        await fast.until(({ events }) => events.length === i + 1);
        await turn();
        assert.ok(sockets[0]!.writableLength <= 3 * size, `${sockets[0]!.writableLength} bytes wait`);
      }
      assert.ok(slow.events.length < count / 2);
      slow.resume();
      await slow.until(({ events }) => events.length === count);
      assert.deepEqual(numbers(slow.data), upTo(count));

      await hub.publish(draft("a", "live again"));
      await slow.until(({ data }) => data.at(-1) === "live again");
    });
  }

  test("is disconnected when it falls out of history, and sees the gap when it reconnects", async (t) => {
    const transport = new MemoryTransport({ historyLength: 10 });
    const { hub, url } = await startHub(t, { transport, maxBacklogBytes: 0 });
    const cursor = hub.lastEventId;
    const slow = await subscribe(t, url("a", { lastEventID: cursor }));
    slow.pause();
    for (let i = 0; i < count; i++) {
      await hub.publish(draft("a", payload(i)));
      await turn();
    }
    slow.resume();
    await slow.until(({ ended }) => ended);
    assert.equal(hub.connections, 0);
    const seen = slow.events.length;
    assert.ok(seen > 0 && seen < count);
    assert.deepEqual(numbers(slow.data), upTo(seen));

    const lastSeen = slow.events.at(-1)!.id!;
    const back = await subscribe(t, url("a"), { "Last-Event-ID": lastSeen });
    await back.until(({ events }) => events.length === 10);
    assert.notEqual(back.headers["last-event-id"], lastSeen);
    assert.deepEqual(numbers(back.data), upTo(count).slice(-10));
  });

  // Readers who read nothing cost an attacker little, so the hub must not buffer for each of them.
  test("costs no additional memory among many, and delays nobody", async (t) => {
    const transport = new MemoryTransport({ maxHistoryBytes: 4 * size * count });
    const { hub, url, sockets } = await startHub(t, { transport, maxBacklogBytes: 0 });
    const stalled = await Promise.all(Array.from({ length: 50 }, () => subscribe(t, url("a"))));
    for (const subscriber of stalled) subscriber.pause();
    const fast = await subscribe(t, url("a"));
    let published = 0;
    const publish = async () => {
      await hub.publish(draft("a", payload(published++)));
      await fast.until(({ events }) => events.length === published);
    };
    // The system's buffers take megabytes for each reader before the hub has to wait.
    while (!sockets.slice(0, 50).every(({ writableLength }) => writableLength > 0)) await publish();
    const waiting = () => sockets.slice(0, 50).map(({ writableLength }) => writableLength);
    const before = waiting();
    for (const bytes of before) assert.ok(bytes <= 2 * size, `${bytes} bytes wait`);
    for (let i = 0; i < 50; i++) await publish();
    assert.deepEqual(waiting(), before);
    assert.deepEqual(numbers(fast.data), upTo(published));
    assert.equal(hub.connections, 51);
  });

  test("is disconnected when it exceeds the backlog bound, and misses nothing when it reconnects", async (t) => {
    const { hub, url } = await startHub(t, { transport: new MemoryTransport({ maxHistoryBytes: 1e9 }) });
    const slow = await subscribe(t, url("a"));
    slow.pause();
    let published = 0;
    while (hub.connections > 0) {
      await hub.publish(draft("a", payload(published++)));
      await turn();
    }
    slow.resume();
    await slow.until(({ ended }) => ended);
    const seen = slow.events.length;
    assert.deepEqual(numbers(slow.data), upTo(seen));
    assert.ok((published - seen) * size > 1024 * 1024);

    const lastSeen = slow.events.at(-1)!.id!;
    const back = await subscribe(t, url("a"), { "Last-Event-ID": lastSeen });
    await back.until(({ events }) => events.length === published - seen);
    assert.equal(back.headers["last-event-id"], lastSeen);
    assert.deepEqual(numbers(back.data), upTo(published).slice(seen));
  });

  test("is not a reader that shares the event loop with a burst", async (t) => {
    const { hub, url } = await startHub(t, { transport: new MemoryTransport({ historyLength: 10 }) });
    const subscriber = await subscribe(t, url("a"));
    const published = upTo(2000).map((i) => hub.publish(draft("a", String(i))));
    await subscriber.until(({ events }) => events.length === 2000);
    assert.deepEqual(numbers(subscriber.data), upTo(2000));
    await Promise.all(published);
  });

  test("lets the sockets drain while a loop awaits each publish", async (t) => {
    const { hub, url, sockets } = await startHub(t, { transport: new MemoryTransport({ historyLength: 10 }) });
    const subscriber = await subscribe(t, url("a"));
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      await hub.publish(draft("a", payload(i).slice(0, 1000)));
      most = Math.max(most, sockets[0]!.writableLength);
    }
    assert.ok(most < 500_000, `${most} bytes waited`);
    await subscriber.until(({ events }) => events.length === 2000);
  });

  test("is removed when it leaves while it is behind", async (t) => {
    const transport = new RemoteTransport({ maxHistoryBytes: 4 * size * count });
    const { hub, url } = await startHub(t, { transport, maxBacklogBytes: 0 });
    const slow = await subscribe(t, url("a"));
    slow.pause();
    for (let i = 0; i < count; i++) {
      await hub.publish(draft("a", payload(i)));
      if (i % 10 === 0) await turn();
    }
    slow.close();
    await until(() => hub.connections === 0);
    await hub.publish(draft("a", "to nobody"));
  });
});
