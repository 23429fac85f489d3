import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http2";
import { describe, type TestContext, test } from "node:test";
import { faultsOf } from "../../faults/checker.js";
import { cases } from "../../support/cases.js";
import { isQuick } from "../../support/depth.js";
import { http2Session } from "../../support/listening.js";
import type { ManualClock } from "../../support/manual-clock.js";
import { Readers } from "../../support/readers.js";
import { draft, subscribe, turn, until } from "../fixture.js";
import { type ClusterNode, NodeCluster } from "./node-cluster.js";

/** Nodes behind a proxy that sends new streams, in turn, to those whose state is ready. */
class Service {
  readonly cluster: NodeCluster;
  readonly readers: Readers;
  readonly nodes: ClusterNode[] = [];
  readonly sent: string[] = [];
  readonly acknowledged: string[] = [];
  readonly heard: { position: number; data: string }[] = [];
  #turn = 0;

  constructor(t: TestContext) {
    this.cluster = new NodeCluster(t);
    this.readers = new Readers(this.cluster.clock, () => this.#next().url("a"));
    t.after(() => this.readers.close());
  }

  async start(): Promise<ClusterNode> {
    return this.cluster.start({ maxConnectionsPerAddress: 0 });
  }

  /** Publishes at every node that still accepts updates. */
  publish(): void {
    for (const { hub, transport } of this.nodes) {
      const data = `${this.sent.length}`;
      this.sent.push(data);
      void hub.publish(draft("a", data)).then(async ({ id }) => {
        this.acknowledged.push(data);
        this.heard.push({ position: (await transport.positionOf(id))!, data });
      });
    }
  }

  /** Advances the clock by a tenth of a second, and waits until the readers know what has happened. */
  async step(): Promise<void> {
    this.cluster.clock.advance(0.1);
    const { readers, nodes } = this;
    await until(() => {
      const open = nodes.reduce((sum, { hub }) => sum + hub.connections, 0);
      return readers.asking === 0 && readers.open === open && this.acknowledged.length === this.sent.length;
    });
  }

  /** Replaces a node by one that starts after its end, as a deploy does. */
  async deploy(index: number, drainTimeout: number): Promise<void> {
    const { hub } = this.nodes[index]!;
    const closed = hub.close({ drainTimeout });
    for (let steps = 0; hub.state === "draining"; steps++) {
      if (steps % 20 === 0) this.publish();
      await this.step();
    }
    await closed;
    this.nodes[index] = await this.start();
    // The other nodes know the new one before its first update.
    this.publish();
    await this.step();
  }

  #next(): ClusterNode {
    const ready = this.nodes.filter(({ hub }) => hub.state === "ready");
    return ready[this.#turn++ % ready.length]!;
  }
}

/** Starts two nodes that know each other. The first one runs by the clock. */
async function pairOf(t: TestContext) {
  const cluster = new NodeCluster(t);
  const { clock } = cluster;
  const [a, b] = [await cluster.start({}, clock), await cluster.start()];
  await cluster.meet(a, b);
  return { clock, a, b };
}

/** Connects a reader. Each request goes to the right node of that time. */
async function oneReader(t: TestContext, clock: ManualClock, nodeNow: () => ClusterNode): Promise<Readers> {
  const readers = new Readers(clock, () => nodeNow().url("a"));
  t.after(() => readers.close());
  readers.add(1);
  await until(() => readers.open === 1);
  return readers;
}

/** Publishes while the reader is away, and checks that it hears the update when it is back. */
async function missesNothing(readers: Readers, node: ClusterNode, clock: ManualClock, away: number): Promise<void> {
  await node.hub.publish(draft("a", "meanwhile"));
  clock.advance(away);
  await until(() => readers.all[0]!.heard.length === 1);
  assert.deepEqual(readers.all, [{ heard: ["meanwhile"], gaps: 0 }]);
}

describe("a node that drains", () => {
  test("hands all streams over in a deploy of both nodes, 2,000 of them in CI: nothing is missed or repeated, and connects are spread", async (t) => {
    const service = new Service(t);
    const { nodes, readers, cluster } = service;
    const [streams, drainTimeout] = [isQuick ? 60 : cases(2000), 20];
    nodes.push(await service.start(), await service.start());
    await cluster.meet(...nodes);
    readers.add(streams);
    await until(() => readers.open === streams);
    const started = cluster.clock.now() + 1000;
    cluster.clock.advance(1);

    for (const index of [0, 1]) await service.deploy(index, drainTimeout);
    while (readers.open < streams) await service.step();
    service.publish();
    await until(() => readers.all.every(({ heard }) => heard.length >= service.sent.length));

    const positions = new Map(service.heard.map(({ position, data }) => [data, position]));
    const { sent, acknowledged } = service;
    assert.deepEqual(faultsOf({ sent, acknowledged, nodes: readers.records(positions) }).slice(0, 10), []);
    assert.equal(acknowledged.length, sent.length, "publishes at a draining node are acknowledged");
    assert.deepEqual(readers.refusals, []);
    assert.deepEqual(
      readers.all.filter(({ gaps }) => gaps > 0),
      [],
    );
    const peak = readers.peak(started);
    t.diagnostic(`peak of connects per second: ${peak}; updates: ${sent.length}`);
    assert.ok(readers.connects.length >= streams * 2, "every stream moved");
    // Streams end at an even rate, and their clients return after one to two seconds.
    assert.ok(peak <= 2 * (streams / drainTimeout + 10), `the peak is ${peak}`);
  });

  test("serves new streams until their turn, publishes for them, and tells each reader when and where to resume", async (t) => {
    const { clock, a, b } = await pairOf(t);
    const early = await fetch(a.url("a"));
    const closed = a.hub.close({ drainTimeout: 20 });
    assert.equal(a.hub.state, "draining");
    const late = await fetch(a.url("a"));
    assert.equal(late.status, 200);
    await a.hub.publish(draft("a", "1"));
    while (a.hub.connections > 0) {
      clock.advance(0.1);
      await turn();
    }
    await closed;
    assert.equal(a.hub.state, "closed");
    assert.equal((await fetch(a.url("a"))).status, 503);
    await b.hub.publish(draft("a", "2"));
    for (const response of [early, late]) {
      const text = await response.text();
      const [, id = "", retry] = /data: 1\n\nid: (#.+)\nretry: ([0-9]+)\n\n$/.exec(text) ?? assert.fail(text);
      assert.ok(Number(retry) > 1000 && Number(retry) <= 2000, `retry is ${retry}`);
      const next = await subscribe(t, b.url("a"), { "Last-Event-ID": id });
      await next.until(({ data }) => data.length === 1);
      assert.deepEqual(next.data, ["2"]);
      assert.equal(next.headers["last-event-id"], id, "no gap");
    }
  });

  // A stream that has received no event has no id of its own, and its client would resume from the end of history.
  test("gives an id to a reader that has received nothing, so that it misses nothing either", async (t) => {
    const { clock, a, b } = await pairOf(t);
    const readers = await oneReader(t, clock, () => (a.hub.state === "ready" ? a : b));
    const closed = a.hub.close({ drainTimeout: 1 });
    clock.advance(0.1);
    await until(() => readers.open === 0);
    await closed;
    await missesNothing(readers, b, clock, 2);
  });

  test("has a sibling in the planned end of a stream, which gives an id to a reader that has received nothing too", async (t) => {
    const cluster = new NodeCluster(t);
    const { clock } = cluster;
    const node = await cluster.start({ connectionLifetime: 2 }, clock);
    const readers = await oneReader(t, clock, () => node);
    clock.advance(2);
    await until(() => readers.open === 0 && node.hub.connections === 0);
    await missesNothing(readers, node, clock, 3);
  });

  test("gives an id to a reader that has received nothing, even in a close without drainTimeout", async (t) => {
    const { clock, a, b } = await pairOf(t);
    const readers = await oneReader(t, clock, () => (a.hub.state === "ready" ? a : b));
    await a.hub.close();
    await until(() => readers.open === 0);
    await missesNothing(readers, b, clock, 4);
  });

  test("tells a client of HTTP/2 to open a new connection, and ends the streams of the old one in their turn", async (t) => {
    const { clock, a } = await pairOf(t);
    const server = createServer((req, res) => a.hub.handle(req, res));
    const session = await http2Session(t, server);
    const goAway = once(session, "goaway");
    const path = `${a.hub.path}?topic=a`;
    const streams = Array.from({ length: 20 }, () => session.request({ ":path": path }));
    const texts = streams.map((stream) => {
      let text = "";
      stream.setEncoding("utf8").on("data", (data: string) => {
        text += data;
      });
      return () => text;
    });
    await until(() => a.hub.connections === 20);
    const closed = a.hub.close({ drainTimeout: 20 });
    while (a.hub.connections === 20) {
      clock.advance(0.1);
      await turn();
    }
    const [code] = (await goAway) as [number];
    assert.equal(code, 0, "no error");
    await until(() => session.closed);
    const open = a.hub.connections;
    assert.ok(open > 0, "the other streams continue");
    await a.hub.publish(draft("a", "1"));
    await until(() => texts.filter((text) => text().includes("data: 1\n")).length === open);
    while (a.hub.connections > 0) {
      clock.advance(0.1);
      await turn();
    }
    await closed;
    await until(() => texts.every((text) => /id: #.+\nretry: [0-9]+\n\n$/.test(text())));
  });

  test("ends all streams at once when close is called again, or when no other node takes them", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    await cluster.meet(a, b);
    await Promise.all(Array.from({ length: 20 }, () => subscribe(t, a.url("a"))));
    const last = await subscribe(t, b.url("a"));
    const closed = a.hub.close({ drainTimeout: 60 });
    assert.equal(a.hub.connections, 20);
    await a.hub.close();
    assert.equal(a.hub.connections, 0);
    await closed;
    await until(() => b.hub.subscriptions("a").length === 1);
    await b.hub.close({ drainTimeout: 60 });
    await last.until(({ ended }) => ended);
  });

  test("ends all streams at once when every other node drains too, as at the end of a machine", async (t) => {
    const cluster = new NodeCluster(t);
    const nodes = [await cluster.start(), await cluster.start()];
    await cluster.meet(...nodes);
    for (const { url } of nodes) for (let i = 0; i < 20; i++) await subscribe(t, url("a"));
    const started = cluster.clock.now();
    const ends = nodes.map(({ hub }) => hub.close({ drainTimeout: 3600, retrySpread: 5 }));
    while (nodes.some(({ hub }) => hub.connections > 0)) {
      cluster.clock.advance(0.1);
      await turn();
      assert.ok(cluster.clock.now() < started + 60_000);
    }
    await Promise.all(ends);
  });

  test("hands its streams over to a node that has started so lately that it has not heard of it yet", async (t) => {
    const cluster = new NodeCluster(t);
    const { clock } = cluster;
    const old = await cluster.start();
    for (let i = 0; i < 20; i++) await subscribe(t, old.url("a"));
    old.process.stop();
    await cluster.start();
    const closed = old.hub.close({ drainTimeout: 2 });
    await old.process.resume("answers");
    for (let steps = 0; steps < 10; steps++) {
      clock.advance(0.1);
      for (let i = 0; i < 8; i++) await turn();
    }
    const { connections } = old.hub;
    assert.ok(connections > 5 && connections < 15, `${connections} of 20 streams are open after half the time`);
    await old.hub.close();
    await closed;
  });

  test("ends all streams a second later when it can neither reach the store nor knows another node", async (t) => {
    const cluster = new NodeCluster(t);
    const node = await cluster.start();
    for (let i = 0; i < 20; i++) await subscribe(t, node.url("a"));
    cluster.network.stall();
    const closed = node.hub.close({ drainTimeout: 60 });
    const started = cluster.clock.now();
    while (node.hub.connections > 0) {
      cluster.clock.advance(0.1);
      await turn();
    }
    assert.ok(cluster.clock.now() - started <= 2000);
    cluster.network.resume();
    await closed;
  });

  test("acknowledges updates that it was storing when it closed", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const stream = await subscribe(t, b.url("a"));
    cluster.network.stall();
    const done: string[] = [];
    const published = a.hub.publish(draft("a", "in flight")).then(() => done.push("published"));
    const closed = a.hub.close().then(() => done.push("closed"));
    for (let i = 0; i < 10; i++) await turn();
    cluster.network.resume();
    await Promise.all([published, closed]);
    assert.deepEqual(done, ["published", "closed"]);
    await stream.until(({ data }) => data.length === 1);
    await assert.rejects(a.hub.publish(draft("a", "late")), { code: "ERR_CLOSED" });
  });

  test("refuses invalid options before it ends a stream", async (t) => {
    const { hub } = await new NodeCluster(t).start();
    await assert.rejects(hub.close({ drainTimeout: -1 }), { code: "ERR_OPTION", message: /drainTimeout/ });
    await assert.rejects(hub.close({ drain: 1 } as object), { code: "ERR_OPTION" });
    assert.equal(hub.state, "ready");
  });
});
