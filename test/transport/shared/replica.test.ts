import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { systemClock } from "../../../src/shared/clock.js";
import { transportContract } from "../../../src/transport/contract/transport-contract.js";
import { historyLimits } from "../../../src/transport/history/history-options.js";
import { ReplicaTransport } from "../../../src/transport/shared/replica.js";
import type { ReplicaSettings } from "../../../src/transport/shared/replica-options.js";
import { ManualClock } from "../../support/manual-clock.js";
import { until } from "../../support/until.js";
import { LogStore } from "./log-store.js";
import { MemoryLog, Network } from "./memory-log.js";
import { replicaSettings } from "./replica-settings.js";

/** The lines that the nodes have logged. */
const lines: string[] = [];

const logger = { warn: (line: string) => void lines.push(line), error: () => {} };

transportContract("ReplicaTransport", () => {
  const store = new LogStore(systemClock);
  const network = new Network();
  return {
    open: (options) => {
      const link = new MemoryLog(store, network, systemClock);
      // The log deletes nothing within a test, however long the machine lets it wait.
      const fields = { limits: historyLimits(options), grace: 600_000 };
      return new ReplicaTransport(link, replicaSettings(systemClock, fields));
    },
  };
});

function limitsOf(length: number) {
  return { lengthOf: () => length, bytes: 2 ** 26, eventBytes: 2 ** 22 };
}

/** A shared log, and nodes of it, under one clock that a test advances. */
class Cluster {
  readonly clock = new ManualClock();
  readonly network = new Network();
  readonly store = new LogStore(this.clock);
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
  }

  async start(length = 500, fields: Partial<ReplicaSettings> = {}) {
    const link = new MemoryLog(this.store, this.network, this.clock);
    const transport = new ReplicaTransport(
      link,
      replicaSettings(this.clock, { limits: limitsOf(length), logger, ...fields }),
    );
    const heard: string[] = [];
    const gaps: number[] = [];
    await transport.ready;
    transport.listen({ update: ({ update }) => heard.push(update.data), gap: (through) => gaps.push(through) });
    this.#t.after(() => link.kill());
    return { link, transport, heard, gaps };
  }

  /** Advances the clock until a condition holds. */
  async until(condition: () => unknown): Promise<void> {
    await until(() => {
      this.clock.advance(0.05);
      return condition();
    });
  }
}

const draft = (topic: string, data: string, fields = {}) => ({ topics: [topic], data, private: false, ...fields });

function replay(transport: ReplicaTransport, ...topics: string[]) {
  return transport.read({ topics: new Set(topics), after: 0 });
}

const dataOf = (transport: ReplicaTransport, topic: string): string[] =>
  replay(transport, topic).updates.map(({ update }) => update.data);

describe("nodes of one shared log", () => {
  test("hear the updates of each other in one order", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    await Promise.all(Array.from({ length: 500 }, (_, i) => [a, b][i % 2]!.transport.publish(draft("t", `${i}`))));
    await cluster.until(() => b.heard.length === 500 && a.heard.length === 500);
    assert.deepEqual(a.heard, b.heard);
    assert.equal(a.transport.head, b.transport.head);
  });

  test("accept an id that another node has made, as soon as they have heard the update", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    b.link.stop();
    const [made, own] = [
      await a.transport.publish(draft("t", "1")),
      await a.transport.publish(draft("t", "2", { id: "urn:2" })),
    ];
    const positions = [b.transport.positionOf(made.id), b.transport.positionOf(own.id)];
    assert.equal(b.heard.length, 0);
    b.link.wake();
    assert.deepEqual(
      await Promise.all(positions),
      [made, own].map(({ id }) => a.transport.positionOf(id)),
    );
    assert.deepEqual(b.heard, ["1", "2"]);
  });

  test("wait a bounded time for an update that does not come", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    b.link.stop();
    const { id } = await a.transport.publish(draft("t", "1"));
    let position: unknown = "unknown yet";
    void Promise.resolve(b.transport.positionOf(id)).then((found) => {
      position = found;
    });
    await cluster.until(() => position !== "unknown yet");
    assert.equal(position, undefined);
  });

  test("keep the ids of the hub when all of them start again", async (t) => {
    const cluster = new Cluster(t);
    const first = await cluster.start();
    const { id } = await first.transport.publish(draft("t", "1"));
    const position = first.transport.positionOf(id);
    await first.transport.close();
    const second = await cluster.start();
    assert.equal(second.transport.positionOf(id), position);
    assert.equal(second.transport.cursor(position as number), id);
  });

  test("know the losses of a quiet topic exactly, even when they start after them", async (t) => {
    const cluster = new Cluster(t);
    const a = await cluster.start(3);
    for (const data of ["old", "q1", "q2", "q3"]) await a.transport.publish(draft("quiet", data));
    for (let i = 0; i < 50; i++) await a.transport.publish(draft("busy", `${i}`));
    await cluster.until(() => cluster.store.length === 6);
    const b = await cluster.start(3);
    for (const topic of ["quiet", "busy"]) {
      assert.deepEqual(dataOf(b.transport, topic), dataOf(a.transport, topic));
      const { updates, lostThrough } = replay(b.transport, topic);
      // A reader that has seen the oldest update in history misses nothing, and an older one does.
      assert.ok(lostThrough < updates[0]!.position);
      assert.ok(lostThrough >= replay(a.transport, topic).lostThrough);
    }
    // No topic without updates has lost any, however many the busy one has.
    assert.equal(replay(b.transport, "empty").lostThrough, 0);
  });

  test("tell a gap only to the node that was paused while the log deleted its updates", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(50), await cluster.start(50)];
    await a.transport.publish(draft("t", "first"));
    await cluster.until(() => b.heard.length === 1);
    b.link.stop();
    for (let i = 0; i < 300; i++) await a.transport.publish(draft("t", `${i}`));
    await cluster.until(() => cluster.store.length < 60);
    const cursor = b.transport.head;
    b.link.wake();
    await cluster.until(() => b.heard.at(-1) === "299");
    assert.equal(b.gaps.length, 1);
    assert.deepEqual(a.gaps, []);
    assert.deepEqual(
      b.heard.slice(1),
      Array.from({ length: b.heard.length - 1 }, (_, i) => `${301 - b.heard.length + i}`),
    );
    // The streams that come back are told as well.
    assert.ok(replay(b.transport, "t").lostThrough > cursor);
  });

  test("hear updates that are kept nowhere, as long as they are not far behind", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(0), await cluster.start(0)];
    for (let i = 0; i < 20; i++) await a.transport.publish(draft("t", `${i}`, i % 2 === 0 ? { keep: false } : {}));
    await cluster.until(() => b.heard.length === 20);
    await cluster.until(() => cluster.store.length === 0);
    assert.deepEqual([b.gaps, dataOf(b.transport, "t")], [[], []]);
  });

  test("send an update once if its answer was lost", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    a.link.inject("lost answer");
    const published = a.transport.publish(draft("t", "once"));
    await cluster.until(() => b.heard.length === 1 && a.heard.length === 1);
    await published;
    await a.transport.publish(draft("t", "end"));
    await cluster.until(() => b.heard.includes("end"));
    assert.deepEqual(
      [a.heard, b.heard],
      [
        ["once", "end"],
        ["once", "end"],
      ],
    );
  });

  test("send an update once that the server executes after the node has given up", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    cluster.network.stall();
    const published = a.transport.publish(draft("t", "once"));
    await cluster.until(() => a.transport.state === "away");
    cluster.network.resume();
    await cluster.until(() => b.heard.length > 0 && a.transport.state === "ready");
    await published;
    assert.deepEqual([a.heard, b.heard], [["once"], ["once"]]);
  });

  test("continue to read while the store is away, and reject what it does not confirm in time", async (t) => {
    const cluster = new Cluster(t);
    const a = await cluster.start();
    await a.transport.publish(draft("t", "1"));
    cluster.network.stall();
    const failed = assert.rejects(
      a.transport.publish(draft("t", "2")),
      (error: Error & { code?: string; status?: number }) => {
        assert.equal(error.code, "ERR_TRANSPORT");
        assert.equal(error.status, 503);
        assert.match(error.message, /within 10 s: the store has not answered for 5 s\. .* with the same id is safe/);
        return true;
      },
    );
    await cluster.until(() => a.transport.state === "away");
    assert.deepEqual(dataOf(a.transport, "t"), ["1"]);
    let isSettled = false;
    void failed.finally(() => {
      isSettled = true;
    });
    await cluster.until(() => isSettled);
    await failed;
    assert.ok(lines.some((line) => /The log is unreachable: the store/.test(line)));
    cluster.network.resume();
    await cluster.until(() => a.transport.state === "ready");
    assert.ok(lines.some((line) => /The log is reachable again/.test(line)));
  });

  test("retry updates that the store refuses, without losing their place", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    a.link.inject("refused");
    a.link.inject("refused");
    const published = ["1", "2", "3"].map((data) => a.transport.publish(draft("t", data)));
    await cluster.until(() => b.heard.length === 3);
    await Promise.all(published);
    assert.deepEqual(b.heard, ["1", "2", "3"]);
    assert.equal(a.transport.state, "ready");
  });

  test("tell a gap to nodes that will never receive updates lost by a log", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    await a.transport.publish(draft("t", "both"));
    await cluster.until(() => b.heard.length === 1);
    cluster.store.copy();
    b.link.stop();
    await a.transport.publish(draft("t", "lost"));
    cluster.store.failOver();
    cluster.network.cut();
    b.link.wake();
    await cluster.until(() => b.gaps.length === 1);
    await a.transport.publish(draft("t", "later"));
    await cluster.until(() => b.heard.length === 2);
    assert.deepEqual(
      [a.heard, b.heard],
      [
        ["both", "lost", "later"],
        ["both", "later"],
      ],
    );
    assert.deepEqual(a.gaps, []);
  });

  test("share the entries of the nodes that live", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const changes: unknown[] = [];
    b.transport.nodes.listen((node, key, value) => changes.push([node === a.transport.nodes.self, key, value]));
    a.transport.nodes.tell("x/1", "one");
    a.transport.nodes.tell("x/2", "two");
    a.transport.nodes.tell("y/1", "other");
    await cluster.until(() => changes.length === 3);
    a.transport.nodes.tell("x/1", undefined);
    await cluster.until(() => changes.length === 4);
    assert.deepEqual([...b.transport.nodes.entries("x/")], [[a.transport.nodes.self, "x/2", "two"]]);
    const c = await cluster.start();
    assert.equal([...c.transport.nodes.entries("")].length, 2);
    // A node that dies tells nobody. Its lease ends.
    a.link.kill();
    await cluster.until(() => [...b.transport.nodes.entries("")].length === 0);
    await cluster.until(() => [...c.transport.nodes.entries("")].length === 0);
    assert.deepEqual(changes.slice(-2), [
      [true, "x/2", undefined],
      [true, "y/1", undefined],
    ]);
  });

  test("publish their entries again after the store has lost them", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    a.transport.nodes.tell("x", "1");
    await cluster.until(() => [...b.transport.nodes.entries("")].length === 1);
    cluster.network.cut();
    cluster.store.empty();
    const c = await cluster.start();
    // Either node can be the first to hear it.
    await cluster.until(() => [b, c].every(({ transport }) => [...transport.nodes.entries("x")].length === 1));
  });

  test("learn at once that a node has closed", async (t) => {
    const cluster = new Cluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    a.transport.nodes.tell("x", "1");
    await cluster.until(() => [...b.transport.nodes.entries("")].length === 1);
    await a.transport.close();
    const before = cluster.clock.now();
    await cluster.until(() => [...b.transport.nodes.entries("")].length === 0);
    assert.ok(cluster.clock.now() - before < 5000);
  });
});

describe("a transport whose store was never reached", () => {
  test("writes one line for a reason, however often the store refuses the node at the start", async (t) => {
    let attempts = 0;
    class RefusingLog extends MemoryLog {
      override async join(): Promise<never> {
        attempts++;
        throw new Error("refused at the start");
      }
    }
    const log = new RefusingLog(new LogStore(systemClock), new Network(), systemClock);
    const transport = new ReplicaTransport(log, replicaSettings(systemClock, { logger }));
    t.after(() => transport.close());
    await until(() => attempts >= 4);
    assert.equal(lines.filter((line) => line.includes("refused at the start")).length, 1);
  });

  test("is starting, queues what is published, and ends when it is closed", async () => {
    const clock = new ManualClock();
    const network = new Network();
    network.stall();
    const transport = new ReplicaTransport(new MemoryLog(new LogStore(clock), network, clock), replicaSettings(clock));
    assert.equal(transport.state, "starting");
    const rejected = assert.rejects(transport.publish(draft("t", "1")), { code: "ERR_CLOSED" });
    await Promise.all([transport.close(), transport.ready, rejected]);
    assert.equal(transport.state, "closed");
    await assert.rejects(transport.publish(draft("t", "1")), { code: "ERR_CLOSED" });
  });
});
