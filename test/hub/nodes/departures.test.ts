import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { ControlChannel } from "../../../src/hub/auth/control-channel.js";
import { decodeNode, encodeNode } from "../../../src/hub/nodes/node-record.js";
import { encodeStream } from "../../../src/hub/nodes/stream-record.js";
import { selectorPath, subscriptionEvent } from "../../../src/protocol/active-subscription.js";
import { isQuick } from "../../support/depth.js";
import { until } from "../../support/until.js";
import { subscribe, turn } from "../fixture.js";
import { eventFaults, type HeardEvent } from "./event-faults.js";
import { type ClusterNode, NodeCluster } from "./node-cluster.js";

const topic = "x";
const namespace = "/.well-known/mercure/subscriptions/";

/** Records the events of the topic that a node hears. */
function record(t: TestContext, { hub }: ClusterNode): HeardEvent[] {
  const events: HeardEvent[] = [];
  const updates = hub.updates(`${namespace}${topic}`);
  t.after(() => updates.return());
  void (async () => {
    for await (const { data } of updates) events.push(JSON.parse(data) as HeardEvent);
  })();
  return events;
}

/** Records the events of all streams, at a node that has no hub and so claims nothing. */
async function observe(cluster: NodeCluster) {
  const { link, transport } = await cluster.connect();
  const events: HeardEvent[] = [];
  transport.listen({
    update: ({ update: { topics, data } }) => {
      if (topics[0]?.startsWith(namespace)) events.push(JSON.parse(data) as HeardEvent);
    },
  });
  return { events, link };
}

/** Connects a node without a hub. The node has announced the start of this number of streams. */
async function crowd(cluster: NodeCluster, count: number) {
  const { link, transport } = await cluster.connect();
  const path = selectorPath("/.well-known/mercure", { text: topic });
  transport.nodes.tell("n", encodeNode({ executed: 0, isDraining: false, life: 0 }));
  const ids = Array.from({ length: count }, (_, i) => `urn:uuid:${i}`);
  const published = ids.map((subscriber) => {
    const described = { selector: { text: topic }, payload: undefined, isPrivate: false };
    const stream = { subscriber, start: 0, subject: undefined, selectors: [described] };
    transport.nodes.tell(subscriber.replace("urn:uuid:", "s/"), encodeStream({ ...stream, state: "open" }));
    const begin = subscriptionEvent(path, { ...described, subscriber }, true);
    return transport.publish(begin, { namespace, keep: "events" });
  });
  await Promise.all(published);
  return { link, transport, ids };
}

/**
 * Says that the end of a node's first life is announced, as a node does that was paused itself. Resolves once it is
 * stored.
 */
async function announceLate(cluster: NodeCluster, of: ClusterNode): Promise<void> {
  const { transport } = await cluster.connect();
  const node = of.transport.nodes.self;
  const data = JSON.stringify({ kind: "announced", node, life: 0, by: transport.nodes.self });
  const channel = new ControlChannel(transport, "/.well-known/mercure");
  void channel.send({ data, key: `announced ${node}`, until: transport.now() + 86_400_000 });
  await untilStored(cluster, new RegExp(`"by\\\\":\\\\"${transport.nodes.self}`));
}

/** Returns the number of lives that a node has had before, as another knows it. */
function lifeOf({ transport: { nodes } }: ClusterNode, { transport }: ClusterNode): number | undefined {
  const own = [...transport.nodes.entries("n")].find(([node]) => node === nodes.self);
  return own && decodeNode(own[2]).life;
}

const idsOf = ({ hub }: ClusterNode) => hub.subscriptions(topic).map(({ subscriber }) => subscriber);
const statesOf = (events: readonly HeardEvent[], id?: string) =>
  events.filter(({ subscriber }) => id === undefined || subscriber === id).map(({ active }) => active);

/** Opens a stream at a node, and returns it with its id once all nodes list it. */
async function connect(t: TestContext, node: ClusterNode, others: readonly ClusterNode[]) {
  const known = new Set(idsOf(node));
  const client = await subscribe(t, node.url(topic));
  const [id = assert.fail("the stream is not listed")] = idsOf(node).filter((each) => !known.has(each));
  await until(() => others.every((other) => idsOf(other).includes(id)));
  return { client, id };
}

/** Advances the clock by steps that keep the leases, and runs some turns of the event loop after each. */
async function pass(cluster: NodeCluster, seconds: number, isDone = () => false): Promise<void> {
  const end = cluster.clock.now() + seconds * 1000;
  while (cluster.clock.now() < end && !isDone()) {
    cluster.clock.advance(0.5);
    for (let i = 0; i < 8; i++) await turn();
  }
}

/**
 * Runs turns of the event loop until a record of the log matches.
 *
 * @param seconds - The time that passes in each turn.
 */
async function untilStored({ store, clock }: NodeCluster, pattern: RegExp, seconds = 0): Promise<void> {
  while (!store.contents.some((text) => pattern.test(text))) {
    clock.advance(seconds);
    await turn();
  }
}

const endEvent = /"active\\*":false/;

describe("nodes that end, and are perhaps only paused", () => {
  test("leave the truth as the last event of each stream, if two are paused past their leases and come back", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c] = [await cluster.start(), await cluster.start(), await cluster.start()];
    const events = record(t, c);
    const { id } = await connect(t, a, [b, c]);
    a.process.stop();
    await cluster.advance(2);
    b.process.stop();
    await cluster.advance(30);
    assert.deepEqual(statesOf(events), [true, false]);
    await a.process.resume("answers");
    await b.process.resume("answers");
    await cluster.advance(40);
    for (const node of [a, b, c]) assert.deepEqual(idsOf(node), [id]);
    assert.deepEqual(statesOf(events), [true, false, true]);
  });

  test("are announced by a node that starts after all others have ended", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const { id } = await connect(t, a, [b]);
    for (const { link } of [a, b]) link.kill();
    for (const seconds of [1, 30]) {
      await cluster.advance(seconds);
      const late = await cluster.start();
      await cluster.until(() => idsOf(late).length === 0);
      await cluster.until(() => cluster.store.contents.some((text) => endEvent.test(text) && text.includes(id)));
      await cluster.advance(30);
      const ends = cluster.store.contents.filter(
        (text) => endEvent.test(text) && text.includes(encodeURIComponent(id)),
      );
      assert.equal(ends.length, 1, "one event");
      late.link.kill();
    }
  });

  test("are announced although another node has announced an earlier end of their node, which was only paused", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const { id } = await connect(t, a, [b]);
    await announceLate(cluster, a);
    await cluster.until(() => lifeOf(a, b) === 1);
    a.link.kill();
    await cluster.until(() => idsOf(b).length === 0);
    await cluster.until(() => cluster.store.contents.some((text) => endEvent.test(text) && text.includes(id)));
  });

  for (const heir of ["another node", "a node that starts later"]) {
    test(`are announced by ${heir}, if their node has come back, and is killed as soon as its earlier end is announced late`, async (t) => {
      const cluster = new NodeCluster(t);
      const { events } = await observe(cluster);
      const [a, b] = [await cluster.start(), await cluster.start()];
      const { id } = await connect(t, a, [b]);
      a.process.stop();
      await cluster.until(() => statesOf(events, id).length === 2);
      await a.process.resume("answers");
      await cluster.until(() => statesOf(events, id).length === 3);
      await announceLate(cluster, a);
      a.link.kill();
      if (heir !== "another node") {
        b.link.kill();
        await cluster.start();
      }
      await cluster.until(() => statesOf(events, id).length === 4);
      await cluster.advance(30);
      assert.deepEqual(statesOf(events, id), [true, false, true, false]);
    });

    test(`are announced by ${heir}, if their node has come back, and is killed at whichever step of the announcement of its earlier end`, async (t) => {
      for (let turns = 0; turns < 30; turns += isQuick ? 5 : 1) {
        const cluster = new NodeCluster(t);
        const { events, link } = await observe(cluster);
        const [a, b] = [await cluster.start(), await cluster.start()];
        const { id } = await connect(t, a, [b]);
        a.process.stop();
        await untilStored(cluster, /claim/, 0.05);
        b.process.stop();
        await a.process.resume("timers");
        for (const state of ["away", "ready"]) {
          await pass(cluster, 10, () => a.transport.state === state);
          assert.equal(a.transport.state, state);
        }
        void b.process.resume("answers");
        for (let i = 0; i < turns; i++) await turn();
        a.link.kill();
        let last = b;
        if (heir !== "another node") {
          b.link.kill();
          last = await cluster.start();
        }
        await pass(cluster, 60);
        assert.deepEqual(
          eventFaults(events, new Map([[id, { isOpen: false, absences: 1 }]])),
          [],
          `after ${turns} turns`,
        );
        assert.deepEqual(idsOf(last), []);
        for (const each of [last.link, link]) each.kill();
      }
    });
  }

  test("are announced although a node of an older version, which counts no lives, has announced its own earlier end", async (t) => {
    const cluster = new NodeCluster(t);
    const a = await cluster.start();
    const old = await crowd(cluster, 1);
    await until(() => idsOf(a).length === 1);
    const channel = new ControlChannel(old.transport, "/.well-known/mercure");
    const { self: node } = old.transport.nodes;
    for (const by of [a.transport.nodes.self, node]) {
      const data = JSON.stringify({ kind: "announced", node, by });
      await channel.send({ data, key: `announced ${node}`, until: old.transport.now() + 86_400_000 });
    }
    old.link.kill();
    await cluster.until(() => idsOf(a).length === 0);
    await untilStored(cluster, endEvent);
  });

  test("are announced by a later node, if the one that was about to announce them dies", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const { id } = await connect(t, b, [a]);
    b.link.kill();
    const own = new RegExp(`"node":"${a.transport.nodes.self}".*${id.slice("urn:uuid:".length)}`);
    await untilStored(cluster, own, 0.05);
    a.link.kill();
    assert.ok(!cluster.store.contents.some((text) => endEvent.test(text)), "it has announced nothing");
    const late = await cluster.start();
    await cluster.until(() => cluster.store.contents.some((text) => endEvent.test(text)));
    assert.deepEqual(idsOf(late), []);
  });

  test("are not announced again, if their own announcement has left the history meanwhile", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c] = [await cluster.start(), await cluster.start(), await cluster.start()];
    const events = record(t, a);
    const { client } = await connect(t, c, [a, b]);
    client.close();
    await untilStored(cluster, endEvent);
    c.link.kill();
    const flood = JSON.stringify({ subscriber: "other", active: true, payload: "-".repeat(2 ** 16) });
    for (let i = 0; i < 100; i++) {
      const draft = { topics: [`${namespace}other/${i}`], data: flood, private: true };
      await a.transport.publish(draft, { namespace, keep: "events" });
    }
    const { updates } = await b.transport.read({ topics: new Set([`${namespace}${topic}`]), after: 0 });
    assert.deepEqual(updates, [], "the history has no event of the stream");
    await cluster.advance(30);
    assert.deepEqual(statesOf(events), [true, false]);
  });

  test("announce a stream once that began while they could not reach the store, and both changes of one that also ended meanwhile", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const events = record(t, a);
    const before = await connect(t, b, [a]);
    b.link.isolate();
    await cluster.until(() => idsOf(a).length === 0);
    const stays = await connect(t, b, []);
    const leaves = await connect(t, b, []);
    for (const { client } of [leaves, before]) client.close();
    await until(() => b.hub.connections === 1);
    b.link.reconnect();
    await cluster.advance(40);
    assert.deepEqual(idsOf(a), [stays.id]);
    assert.deepEqual(statesOf(events, before.id), [true, false]);
    assert.deepEqual(statesOf(events, stays.id), [true]);
    assert.deepEqual(statesOf(events, leaves.id), [true, false]);
  });

  test("announce a stream that began while the store failed for longer than a publish waits", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const events = record(t, a);
    for (const { link } of [a, b]) link.isolate();
    const { id, client } = await connect(t, b, []);
    await cluster.until(() => b.errors.length > 0);
    for (const { link } of [a, b]) link.reconnect();
    await cluster.until(() => statesOf(events, id).length > 0);
    client.close();
    await cluster.until(() => idsOf(a).length === 0 && statesOf(events, id).length > 1);
    await cluster.advance(30);
    assert.deepEqual(statesOf(events, id), [true, false]);
  });

  test("are announced once, and come back whole, if the clocks of the nodes differ by an hour", async (t) => {
    const cluster = new NodeCluster(t);
    const hour = 3_600_000;
    const [a, b, c] = [
      await cluster.start({}, undefined, hour),
      await cluster.start({}, undefined, -hour),
      await cluster.start(),
    ];
    const events = record(t, a);
    const stalled = await connect(t, b, [a, c]);
    const dead = await connect(t, c, [a, b]);
    const died = cluster.clock.now();
    c.link.kill();
    b.process.stop();
    await cluster.until(() => idsOf(a).length === 0);
    assert.ok(cluster.clock.now() - died <= 20_000, `${cluster.clock.now() - died} ms`);
    await b.process.resume("timers");
    await cluster.advance(40);
    for (const node of [a, b]) assert.deepEqual(idsOf(node), [stalled.id]);
    assert.deepEqual(statesOf(events, stalled.id), [true, false, true]);
    assert.deepEqual(statesOf(events, dead.id), [true, false]);
  });

  test("are not listed again, and no event tells of them, if the store goes on with a copy that was behind", async (t) => {
    const cluster = new NodeCluster(t);
    const start = () => cluster.start();
    const [a, b, c] = [await start(), await start(), await start()];
    const left = await connect(t, a, [b]);
    await connect(t, c, [a, b]);
    cluster.store.copy();
    left.client.close();
    c.link.kill();
    await cluster.until(() => idsOf(a).length === 0 && idsOf(b).length === 0);
    await cluster.advance(3);
    const changes: unknown[] = [];
    b.hub.onSubscription(({ subscriber, active }) => void changes.push([subscriber, active]));
    const events = record(t, b);
    // The owner of the stream is the last to join the copy.
    a.link.isolate();
    cluster.store.failOver();
    b.link.cut();
    await cluster.until(() => b.transport.state === "away");
    await cluster.until(() => b.transport.state === "ready");
    await cluster.advance(3);
    a.link.reconnect();
    await cluster.advance(5);
    const { id } = await connect(t, a, [b]);
    await cluster.advance(30);
    assert.deepEqual(changes, [[id, true]]);
    assert.deepEqual([idsOf(a), idsOf(b)], [[id], [id]]);
    assert.deepEqual(
      events.map(({ subscriber, active }) => [subscriber, active]),
      changes,
    );
  });

  test("stay listed while the store is emptied, and nothing is announced", async (t) => {
    const cluster = new NodeCluster(t);
    const nodes = [await cluster.start(), await cluster.start(), await cluster.start()];
    const [a, b, c] = nodes as [ClusterNode, ClusterNode, ClusterNode];
    const { id } = await connect(t, a, nodes);
    const other = await connect(t, b, nodes);
    const dead = await connect(t, c, nodes);
    const changes: string[] = [];
    const both = [a, b];
    for (const { hub } of both) {
      hub.onSubscription(({ subscriber, active }) => void changes.push(`${subscriber} ${active}`));
    }
    cluster.store.empty();
    c.link.kill();
    // The nodes notice the end one after the other.
    a.link.cut();
    await cluster.advance(3);
    assert.deepEqual(changes, []);
    b.link.cut();
    await cluster.until(() => both.every((node) => idsOf(node).length === 2));
    assert.deepEqual(changes, [`${dead.id} false`, `${dead.id} false`], "of the node that did not come back");
    await cluster.advance(30);
    for (const node of both) assert.deepEqual(idsOf(node), [id, other.id]);
    assert.equal(changes.length, 2);
    const events = cluster.store.contents.filter((text) => text.includes("active"));
    assert.ok(
      events.every((text) => text.includes(encodeURIComponent(dead.id))),
      "the store has no event of the others",
    );
    other.client.close();
    await cluster.until(() => both.every((node) => idsOf(node).length === 1));
  });

  for (const fate of ["dies", "is paused past its lease"] as const) {
    test(`are announced once, at whichever step the node that announces them ${fate}`, async (t) => {
      for (let turns = 0; turns < 24; turns += isQuick ? 5 : 1) {
        const cluster = new NodeCluster(t);
        const { events, link } = await observe(cluster);
        const start = () => cluster.start();
        const [a, b] = [await start(), await start()];
        const dead = await crowd(cluster, 50);
        await until(() => idsOf(a).length === 50 && idsOf(b).length === 50);
        const others = [await connect(t, a, [b]), await connect(t, b, [a])];
        dead.link.kill();
        await pass(cluster, 20, () => cluster.store.contents.some((text) => text.includes('"gone"')));
        const claimant = () => cluster.store.contents.join().match(/claim.{0,200}?by\\*":\\*"([0-9a-f-]+)/)?.[1];
        while (claimant() === undefined) await turn();
        const [first, second] = claimant() === a.transport.nodes.self ? [a, b] : [b, a];
        for (let i = 0; i < turns; i++) await turn();
        if (fate === "dies") first.link.kill();
        else first.process.stop();
        const ends = () => events.filter(({ active }) => !active).length;
        await pass(cluster, 40, () => ends() === dead.ids.length + 1);
        if (fate !== "dies") await first.process.resume("answers");
        await pass(cluster, 20);
        const truths = new Map(dead.ids.map((id) => [id, { isOpen: false, absences: 0 }]));
        for (const [index, node] of [a, b].entries()) {
          const isGone = node === first && fate === "dies";
          truths.set(others[index]!.id, { isOpen: !isGone, absences: node === first && !isGone ? 1 : 0 });
        }
        assert.deepEqual(eventFaults(events, truths), [], `after ${turns} turns`);
        assert.deepEqual(idsOf(second).length, fate === "dies" ? 1 : 2);
        for (const each of [a.link, b.link, link]) each.kill();
      }
    });
  }

  test("are announced once by another node, if the one that claimed them is paused and never loses its lease, as over LMDB", async (t) => {
    const cluster = new NodeCluster(t, 600_000);
    const { events } = await observe(cluster);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const { ids, transport } = await crowd(cluster, 3);
    await until(() => [a, b].every((node) => idsOf(node).length === ids.length));
    void transport.close();
    await untilStored(cluster, /claim/, 0.05);
    const isOfA = cluster.store.contents.some(
      (text) => text.includes("claim") && text.includes(`by\\":\\"${a.transport.nodes.self}`),
    );
    const claimant = isOfA ? a : b;
    claimant.process.stop();
    await pass(cluster, 20);
    const truths = new Map(ids.map((id) => [id, { isOpen: false, absences: 0 }]));
    assert.deepEqual(eventFaults(events, truths), []);
    await claimant.process.resume("answers");
    await pass(cluster, 20);
    assert.deepEqual(eventFaults(events, truths), []);
  });

  test("are not announced again by a node that was paused for longer than the history holds their events", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c] = [await cluster.start(), await cluster.start(), await cluster.start()];
    const { events } = await observe(cluster);
    const { id } = await connect(t, c, [a, b]);
    b.process.stop();
    c.link.kill();
    await cluster.until(() => statesOf(events, id).length === 2);
    const flood = JSON.stringify({ subscriber: "other", active: true, payload: "-".repeat(2 ** 16) });
    for (let i = 0; i < 100; i++) {
      const draft = { topics: [`${namespace}other/${i}`], data: flood, private: true };
      await a.transport.publish(draft, { namespace, keep: "events" });
    }
    await pass(cluster, 700);
    await b.process.resume("answers");
    await cluster.advance(40);
    assert.deepEqual(statesOf(events, id), [true, false]);
  });

  test("are announced without a wait for the store's answer to each few, and up to a bound", async (t) => {
    const cluster = new NodeCluster(t);
    const a = await cluster.start();
    const count = isQuick ? 1300 : 2000;
    const { link } = await crowd(cluster, count);
    await until(() => idsOf(a).length === count);
    link.kill();
    const ends = () => cluster.store.contents.filter((text) => endEvent.test(text)).length;
    while (ends() === 0) {
      cluster.clock.advance(0.05);
      await turn();
    }
    cluster.network.stall();
    await until(() => (a.transport.pending ?? 0) >= 500);
    for (let i = 0; i < 200; i++) await turn();
    assert.ok((a.transport.pending ?? 0) <= 1100, `${a.transport.pending} events wait`);
    cluster.network.resume();
    await cluster.until(() => ends() === count);
    assert.deepEqual(idsOf(a), []);
  });
});
