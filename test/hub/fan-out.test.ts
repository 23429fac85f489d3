import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { systemClock } from "../../src/clock.js";
import type { Chunk } from "../../src/hub/chunk.js";
import type { Connection, ConnectionOwner } from "../../src/hub/connection.js";
import { Dispatcher } from "../../src/hub/dispatcher.js";
import { EncodedEvents } from "../../src/hub/encoded-events.js";
import { EncodedReplays } from "../../src/hub/encoded-replays.js";
import { Expirations } from "../../src/hub/expirations.js";
import { Subscriber, type Surroundings } from "../../src/hub/subscriber.js";
import { Subscribers } from "../../src/hub/subscribers.js";
import { Turns } from "../../src/hub/turns.js";
import { MatcherList } from "../../src/protocol/matcher.js";
import { MemoryTransport } from "../../src/transport/memory.js";
import { draft, RemoteTransport, turn } from "./fixture.js";

/** A client whose socket takes what it is sent, or does not, as the test says. */
class Client {
  readonly received: string[] = [];
  writes = 0;
  ready = true;
  closed = false;
  #owner: ConnectionOwner | undefined;
  readonly #parser = createParser({ onEvent: ({ data }) => void this.received.push(data) });

  open(_headers: unknown, owner: ConnectionOwner): void {
    this.#owner = owner;
  }

  write(chunk: Chunk): void {
    assert.ok(this.ready, "something was queued behind a write that has not drained");
    this.writes++;
    this.#parser.feed(chunk.bytes.toString());
    if (this.#stalled) this.ready = false;
  }

  end(): void {
    this.closed = true;
  }

  #stalled = false;

  /** The next write will not be taken until {@link Client.drain}. */
  stall(): void {
    this.#stalled = true;
  }

  drain(): void {
    this.#stalled = false;
    if (this.ready) return;
    this.ready = true;
    this.#owner?.drained();
  }
}

function start(transport = new MemoryTransport(), maxBacklogBytes = 0) {
  const dispatcher = new Dispatcher(transport);
  const events = new EncodedEvents();
  const turns = new Turns();
  const observer = undefined;
  const subscribers = new Subscribers({ dispatcher, events, turns, keepaliveInterval: 0, maxBacklogBytes, observer });
  const errors: unknown[] = [];
  const hub = {
    transport,
    dispatcher,
    replays: new EncodedReplays(transport, dispatcher, events),
    expirations: new Expirations(systemClock),
    subscribers,
    activeSubscriptions: undefined,
    onError: (error: unknown) => void errors.push(error),
  } as unknown as Surroundings;
  const nothing = new MatcherList([]);
  /** @param after - The position from which on the client wants everything; absent for what is yet to come. */
  const join = (selectors: string[], after?: number, privateTopics: string[] = []) => {
    const client = new Client();
    const grants = privateTopics.length === 0 ? nothing : MatcherList.ofSelectors(privateTopics);
    const matchers = MatcherList.ofSelectors(selectors);
    const audience = subscribers.audienceOf(matchers, grants);
    const from = after ?? transport.head;
    const terms = { id: "urn:x", expiresAt: undefined, payloads: {} };
    new Subscriber(audience, terms, client as unknown as Connection, {}, { after: from, lostThrough: from }, hub);
    return client;
  };
  return { transport, dispatcher, subscribers, errors, join };
}

const topics = ["a", "b", "c"];
const selectors = [["a"], ["b"], ["a", "b"], ["*"], ["{x}"], ["a", "*"], ["c", "a"]];
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ publish: fc.subarray(topics, { minLength: 1 }), private: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ join: fc.constantFrom(...selectors), back: fc.nat(20), granted: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ stall: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ drain: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.constant({ turn: true }) },
);

describe("fan-out", () => {
  for (const Transport of [MemoryTransport, RemoteTransport]) {
    test(`brings each update once and in order, whoever joins, stalls and drains meanwhile (${Transport.name})`, async () => {
      const property = fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const { transport, errors, join } = start(new Transport({ historyLength: 1000 }));
        const updates: { topics: string[]; private: boolean; data: string }[] = [];
        const clients: { client: Client; matchers: MatcherList; granted: boolean; from: number }[] = [];
        for (const each of steps) {
          if ("publish" in each) {
            const update = { topics: each.publish, private: each.private, data: String(updates.length) };
            updates.push(update);
            await transport.publish(draft(each.publish, update.data, { private: each.private }));
          } else if ("join" in each) {
            const from = Math.max(0, transport.head - each.back);
            const client = join(each.join, from, each.granted ? ["a"] : []);
            clients.push({ client, matchers: MatcherList.ofSelectors(each.join), granted: each.granted, from });
          } else if ("stall" in each) clients[each.stall % clients.length]?.client.stall();
          else if ("drain" in each) clients[each.drain % clients.length]?.client.drain();
          else await turn();
        }
        for (let i = 0; i < 20; i++) {
          for (const { client } of clients) client.drain();
          await turn();
        }
        for (const { client, matchers, granted, from } of clients) {
          const expected = updates
            .slice(from)
            .filter((update) => matchers.matchesAny(update.topics))
            .filter((update) => !update.private || (granted && update.topics.includes("a")))
            .map(({ data }) => data);
          assert.deepEqual(client.received, expected);
        }
        assert.deepEqual(errors, []);
      });
      await fc.assert(property, { numRuns: 300 });
    });
  }

  test("what one turn brings is one write for each socket", async () => {
    const { transport, join } = start();
    const clients = [join(["a"]), join(["a"]), join(["a", "b"])];
    for (let i = 0; i < 50; i++) await transport.publish(draft("a", String(i)));
    await turn();
    for (const { received, writes } of clients) {
      assert.equal(received.length, 50);
      assert.equal(writes, 1);
    }
  });

  test("those who ask for the same are a group, in whatever order, and no others", async () => {
    const { subscribers, dispatcher, join } = start();
    const groups = () => new Set([...subscribers].map((subscriber) => subscriber.group)).size;
    join(["a", "b"]);
    join(["b", "a", "a"]);
    assert.equal(groups(), 1);
    join(["a", "b"], undefined, ["a"]);
    assert.equal(groups(), 2);
    join(["a"], undefined, ["a"]);
    assert.equal(groups(), 3);
    subscribers.end(() => true);
    assert.equal(subscribers.size, 0);
    assert.equal(dispatcher.size, 0);
  });

  test("who catches up from the same place is sent the same bytes, read once", async (t) => {
    const { transport, join } = start();
    const reads = t.mock.method(transport, "read");
    for (let i = 0; i < 100; i++) await transport.publish(draft("a", String(i)));
    const first = join(["a"], 0);
    await turn();
    const clients = Array.from({ length: 20 }, () => join(["a"], 0));
    await turn();
    for (const client of [first, ...clients]) {
      assert.equal(client.received.length, 100);
      assert.equal(client.writes, 1);
    }
    assert.equal(reads.mock.callCount(), 1);
  });

  test("a stalled client is sent nothing, and catches up in one write", async () => {
    const { transport, join } = start();
    const [stalled, other] = [join(["a"]), join(["a"])];
    stalled.stall();
    for (let i = 0; i < 100; i++) {
      await transport.publish(draft("a", String(i)));
      await turn();
    }
    assert.deepEqual([stalled.writes, other.writes], [1, 100]);
    stalled.drain();
    await turn();
    assert.equal(stalled.writes, 2);
    assert.deepEqual(stalled.received, other.received);
  });

  // Whoever holds a connection open and takes nothing would otherwise count as a subscriber for as long as it likes.
  test("whoever is further behind than the bound is ended, and nobody else", async () => {
    const bound = 64 * 1024;
    const { transport, subscribers, join } = start(new MemoryTransport({ historyLength: 10_000 }), bound);
    const [stalled, other] = [join(["a"]), join(["a"])];
    stalled.stall();
    let published = 0;
    while (!stalled.closed) {
      await transport.publish(draft("a", "x".repeat(1000)));
      published += 1000;
      await turn();
      assert.ok(published < 2 * bound);
    }
    assert.ok(published > bound);
    assert.equal(subscribers.size, 1);
    assert.ok(!other.closed);
    // Who asks for all of it is not behind by what was there before.
    const late = join(["a"], 0);
    late.stall();
    await turn();
    for (let i = 0; i < 10; i++) {
      await transport.publish(draft("a", "x".repeat(1000)));
      await turn();
    }
    assert.ok(!late.closed);
  });
});
