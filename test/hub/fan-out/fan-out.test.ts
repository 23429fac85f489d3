import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { Chunk } from "../../../src/hub/fan-out/chunk.js";
import { Dispatcher } from "../../../src/hub/fan-out/dispatcher.js";
import { EncodedEvents } from "../../../src/hub/fan-out/encoded-events.js";
import { EncodedReplays } from "../../../src/hub/fan-out/encoded-replays.js";
import { SubscriptionScope } from "../../../src/hub/fan-out/subscription-scope.js";
import { TickBatch } from "../../../src/hub/fan-out/tick-batch.js";
import { ActiveSubscriptions } from "../../../src/hub/streams/active-subscriptions.js";
import type { Connection, ConnectionOwner } from "../../../src/hub/streams/connection.js";
import { Expirations } from "../../../src/hub/streams/expirations.js";
import type { StreamServices } from "../../../src/hub/streams/stream-services.js";
import { Subscriber } from "../../../src/hub/streams/subscriber.js";
import { Subscribers } from "../../../src/hub/streams/subscribers.js";
import { MatcherList } from "../../../src/protocol/matching/matcher.js";
import { emptyComment } from "../../../src/protocol/sse/event-encoder.js";
import { systemClock } from "../../../src/shared/clock.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import type { StoredUpdate } from "../../../src/transport/transport.js";
import { cases } from "../../support/cases.js";
import { matchersOf } from "../../support/matchers-of.js";
import { draft, RemoteTransport, turn } from "../fixture.js";

/** A client whose socket accepts or refuses writes, as the test says. */
class Client {
  readonly received: string[] = [];
  writes = 0;
  ready = true;
  closed = false;
  /** The group's own writes, recorded for half of the clients. */
  readonly chunkSocket: Socket | undefined;
  #stalled = false;
  #owner: ConnectionOwner | undefined;
  readonly #parser = createParser({ onEvent: ({ data }) => void this.received.push(data) });

  constructor(takesChunks = false) {
    const client = this;
    const socket = {
      get writable() {
        return !client.closed;
      },
      get writableLength() {
        return client.#stalled ? 1 : 0;
      },
      write(framed: Buffer) {
        client.#take(/^[0-9a-f]+\r\n(.*)\r\n$/s.exec(framed.toString())![1]!);
        return !client.#stalled;
      },
    };
    this.chunkSocket = takesChunks ? (socket as Socket) : undefined;
  }

  open(_headers: unknown, owner: ConnectionOwner): void {
    this.#owner = owner;
  }

  write(chunk: Chunk): void {
    this.#take(chunk.bytes.toString());
    if (this.#stalled) this.ready = false;
  }

  onBackpressure(): void {
    assert.ok(this.#stalled);
    this.ready = false;
  }

  end(): void {
    this.closed = true;
  }

  leave(): void {
    if (this.closed) return;
    this.closed = true;
    this.#owner?.closed();
  }

  #take(text: string): void {
    assert.ok(this.ready, "something was queued behind a write that has not drained");
    assert.ok(!this.closed);
    this.writes++;
    this.#parser.feed(text);
  }

  /** The socket refuses the next write until {@link Client.drain}. */
  stall(): void {
    this.#stalled = true;
  }

  drain(): void {
    this.#stalled = false;
    if (this.ready || this.closed) return;
    this.ready = true;
    this.#owner?.drained();
  }
}

const hubPath = "/.well-known/mercure";
const comment = Chunk.of(emptyComment);

interface StartOptions {
  readonly transport?: MemoryTransport;
  readonly maxBacklogBytes?: number;
  /** Whether the hub publishes subscription events. */
  readonly tells?: boolean;
}

function start({ transport = new MemoryTransport(), maxBacklogBytes = 0, tells = false }: StartOptions = {}) {
  const dispatcher = new Dispatcher(transport);
  const events = new EncodedEvents();
  const ticks = new TickBatch();
  const observer = undefined;
  const subscribers = new Subscribers<Subscriber>({
    dispatcher,
    events,
    ticks,
    keepaliveInterval: 0,
    maxBacklogBytes,
    observer,
  });
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const hub = {
    transport,
    dispatcher,
    replays: new EncodedReplays(transport, dispatcher, events),
    expirations: new Expirations(systemClock),
    subscribers,
    activeSubscriptions: tells ? new ActiveSubscriptions(hubPath, transport, systemClock, onError) : undefined,
    onError,
  } as unknown as StreamServices<Subscriber>;
  const nothing = new MatcherList([]);
  let joined = 0;
  /** @param after - The client wants all updates after this position; absent for future updates only. */
  const join = (selectors: string[], after?: number, privateTopics: string[] = []) => {
    const client = new Client(joined % 2 === 0);
    const grants = privateTopics.length === 0 ? nothing : matchersOf(privateTopics);
    const matchers = matchersOf(selectors);
    const scope = new SubscriptionScope(matchers, grants);
    const from = after ?? transport.head;
    const terms = { id: `urn:x:${joined++}`, endsAt: undefined, payloadOf: () => undefined };
    Subscriber.open(scope, terms, client as unknown as Connection, {}, { after: from, lostThrough: from }, hub);
    return client;
  };
  return { transport, dispatcher, subscribers, errors, join };
}

const topics = ["a", "b", "c"];
const selectors = [["a"], ["b"], ["a", "b"], ["*"], ["{x}"], ["a", "*"], ["c", "a"]];
const join = fc.record({
  join: fc.constantFrom<string[]>(...selectors),
  back: fc.nat(20),
  granted: fc.constantFrom<string[]>([], ["a"], ["*"]),
});
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ publish: fc.subarray(topics, { minLength: 1 }), private: fc.boolean() }) },
  { weight: 3, arbitrary: join },
  { weight: 2, arbitrary: fc.record({ stall: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ drain: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ leave: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ end: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ keepAlive: true }) },
  { weight: 2, arbitrary: fc.constant({ turn: true }) },
);

interface Joined {
  readonly client: Client;
  readonly wanted: (stored: StoredUpdate) => boolean;
}

/** The published updates that such a client should get. */
function wants(selectors: string[], privateTopics: string[], from: number): Joined["wanted"] {
  const matchers = matchersOf(selectors);
  const granted = matchersOf(privateTopics);
  return ({ position, update }) =>
    position > from &&
    matchers.matchesAny(update.topics) &&
    (!update.private || (privateTopics.length > 0 && granted.matchesAny(update.topics)));
}

describe("fan-out", () => {
  for (const Transport of [MemoryTransport, RemoteTransport]) {
    // The hub publishes its own events while a stream ends, for every cause.
    test(`brings each update once and in order, while others join, stall, drain and end (${Transport.name})`, async () => {
      const bound = fc.constantFrom(0, 600);
      const property = fc.asyncProperty(
        fc.array(step, { maxLength: 120, size: "max" }),
        bound,
        async (steps, maxBacklogBytes) => {
          const transport = new Transport({ historyLength: 1000 });
          const published: StoredUpdate[] = [];
          transport.listen({ update: (stored) => void published.push(stored) });
          const { dispatcher, subscribers, errors, join } = start({ transport, maxBacklogBytes, tells: true });
          const joined: Joined[] = [];
          for (const each of steps) {
            if ("publish" in each) {
              await transport.publish(draft(each.publish, String(published.length), { private: each.private }));
            } else if ("join" in each) {
              const from = Math.max(0, transport.head - each.back);
              const wanted = wants(each.join, each.granted, from);
              joined.push({ client: join(each.join, from, each.granted), wanted });
            } else if ("stall" in each) joined[each.stall % joined.length]?.client.stall();
            else if ("drain" in each) joined[each.drain % joined.length]?.client.drain();
            else if ("leave" in each) joined[each.leave % joined.length]?.client.leave();
            else if ("end" in each) [...subscribers][each.end % subscribers.size]?.end();
            else if ("keepAlive" in each) for (const subscriber of subscribers) subscriber.keepAlive(comment);
            else await turn();
          }
          for (let i = 0; i < 20; i++) {
            for (const { client } of joined) client.drain();
            await turn();
          }
          for (const { client, wanted } of joined) {
            const expected = published.filter(wanted).map(({ update }) => update.data);
            // A stream that ended early got an unbroken part, from its beginning on.
            assert.deepEqual(client.received, client.closed ? expected.slice(0, client.received.length) : expected);
          }
          const open = joined.filter(({ client }) => !client.closed).length;
          assert.deepEqual([subscribers.size, [...subscribers].length], [open, open]);
          subscribers.end(() => true);
          assert.deepEqual([subscribers.size, dispatcher.size], [0, 0]);
          assert.deepEqual(errors, []);
        },
      );
      await fc.assert(property, { numRuns: cases(300) });
    });
  }

  test("writes once to each socket for all updates of one turn", async () => {
    const { transport, join } = start();
    const clients = [join(["a"]), join(["a"]), join(["a", "b"])];
    for (let i = 0; i < 50; i++) await transport.publish(draft("a", String(i)));
    await turn();
    for (const { received, writes } of clients) {
      assert.equal(received.length, 50);
      assert.equal(writes, 1);
    }
  });

  test("groups clients with equal subscriptions, in any order of topics, and no others", async () => {
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

  test("reads history once and sends the same bytes to clients that catch up from the same place", async (t) => {
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

  test("sends nothing to a stalled client, which then catches up in one write", async () => {
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

  // A client that holds a connection open and reads nothing would count as a subscriber for as long as it likes.
  test("disconnects only the client that falls behind the limit", async () => {
    const bound = 64 * 1024;
    const { transport, subscribers, join } = start({
      transport: new MemoryTransport({ historyLength: 10_000 }),
      maxBacklogBytes: bound,
    });
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
    // For a client that asks for all history, earlier updates do not count as a backlog.
    const late = join(["a"], 0);
    late.stall();
    await turn();
    for (let i = 0; i < 10; i++) {
      await transport.publish(draft("a", "x".repeat(1000)));
      await turn();
    }
    assert.ok(!late.closed);
  });

  test("puts a client that joins while the last of its group ends into a group that receives", async () => {
    const { transport, subscribers, dispatcher, join } = start({ maxBacklogBytes: 1000 });
    const stalled = join(["a"]);
    stalled.stall();
    let late: Client;
    for (;;) {
      await transport.publish(draft("a", "x".repeat(100)));
      late = join(["a"]);
      await turn();
      if (stalled.closed) break;
      late.leave();
    }
    await transport.publish(draft("a", "last"));
    await turn();
    assert.deepEqual(late.received, ["last"]);
    assert.deepEqual([[...subscribers].length, subscribers.size, dispatcher.size], [1, 1, 1]);
  });
});
