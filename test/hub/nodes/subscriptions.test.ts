import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { until } from "../../support/until.js";
import { draft, subscribe, token, turn } from "../fixture.js";
import { type ClusterNode, NodeCluster } from "./node-cluster.js";

const base = "/.well-known/mercure/subscriptions";

interface Event {
  readonly subscriber: string;
  readonly topic: string;
  readonly active: boolean;
}

const bearer = async (...selectors: string[]) => ({
  Authorization: `Bearer ${await token({ subscribe: selectors, payload: { id: 7 } }, { sub: "7" })}`,
});

/** Records the subscription events of a topic at a node. */
async function watch(t: TestContext, { url }: ClusterNode, topic: string) {
  const events = `${base}/${encodeURIComponent(topic)}`;
  const watcher = await subscribe(t, url(events), await bearer(events));
  return {
    watcher,
    seen: () =>
      watcher.data.map((data) => {
        const { subscriber, active } = JSON.parse(data) as Event;
        return `${subscriber} ${active}`;
      }),
  };
}

const topicsOf = ({ hub }: ClusterNode, topic?: string) =>
  hub
    .subscriptions(topic)
    .map(({ subscriber, topic: of, payload }) => `${of} ${subscriber} ${JSON.stringify(payload)}`)
    .sort();

async function list({ origin }: ClusterNode): Promise<unknown[]> {
  const response = await fetch(`${origin}${base}`, { headers: await bearer("*") });
  const { subscriptions } = (await response.json()) as { subscriptions: { id: string }[] };
  return subscriptions.sort((one, other) => (one.id < other.id ? -1 : 1));
}

describe("subscriptions of several nodes", () => {
  test("are the same on every node, in the web API too, with payloads", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    await subscribe(t, a.url(["x", "y"]), await bearer("x"));
    const there = await subscribe(t, b.url("x"));
    await until(() => a.hub.subscriptions().length === 3 && b.hub.subscriptions().length === 3);
    assert.deepEqual(topicsOf(a), topicsOf(b));
    assert.deepEqual(
      topicsOf(a, "x").filter((line) => line.endsWith('{"id":7}')).length,
      1,
      "the payload of the token",
    );
    const [atA, atB] = [await list(a), await list(b)];
    assert.equal(atA.length, 3);
    assert.deepEqual(atA, atB);
    const nodeOf = ({ node, subscriber }: { node?: string; subscriber: string }) => `${subscriber} ${node}`;
    const nodes = new Set((atA as { node: string; subscriber: string }[]).map(nodeOf));
    const expected = [a, b].map(({ hub, transport }) => {
      const own = hub.subscriptions().find(({ node }) => node === transport.nodes.self);
      return `${own?.subscriber} ${transport.nodes.self}`;
    });
    assert.deepEqual([...nodes].sort(), expected.sort(), "with the node of each stream");
    there.close();
    await until(() => a.hub.subscriptions("x").length === 1 && b.hub.subscriptions("x").length === 1);
    const late = await cluster.start();
    assert.deepEqual(topicsOf(late), topicsOf(a), "on a node that starts later");
  });

  test("are announced once, whichever node the watcher is on", async (t) => {
    const cluster = new NodeCluster(t);
    const nodes = [await cluster.start(), await cluster.start(), await cluster.start()];
    const watchers = await Promise.all(nodes.map((node) => watch(t, node, "x")));
    const stream = await subscribe(t, nodes[1]!.url("x"));
    await until(() => nodes.every(({ hub }) => hub.subscriptions("x").length === 1));
    const [{ subscriber } = assert.fail()] = nodes[0]!.hub.subscriptions("x");
    stream.close();
    await until(() => nodes.every(({ hub }) => hub.subscriptions("x").length === 0));
    await nodes[0]!.hub.publish(draft("done"));
    for (const { watcher, seen } of watchers) {
      await watcher.until(({ data }) => data.length === 2);
      assert.deepEqual(seen(), [`${subscriber} true`, `${subscriber} false`]);
    }
  });

  test("of a node that dies end within 20 seconds on every node, by one event each, even if nodes die one after the other", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c, d] = [await cluster.start(), await cluster.start(), await cluster.start(), await cluster.start()];
    const [atA, atB] = [await watch(t, a, "x"), await watch(t, b, "x")];
    for (let i = 0; i < 5; i++) await subscribe(t, c.url("x"));
    await subscribe(t, d.url("x"));
    await until(() => [a, b, c, d].every(({ hub }) => hub.subscriptions("x").length === 6));
    const ids = a.hub.subscriptions("x").map(({ subscriber }) => subscriber);
    const died = cluster.clock.now();
    c.link.kill();
    d.link.kill();
    await cluster.until(() => [a, b].every(({ hub }) => hub.subscriptions("x").length === 0));
    assert.ok(cluster.clock.now() - died <= 20_000, `${cluster.clock.now() - died} ms`);
    await cluster.advance(30);
    for (const { seen } of [atA, atB]) {
      const ends = seen().filter((line) => line.endsWith("false"));
      assert.deepEqual(ends.sort(), ids.map((id) => `${id} false`).sort());
    }
  });

  test("of a node that was only paused are whole again after its pause, and watchers know them", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c] = [await cluster.start(), await cluster.start(), await cluster.start()];
    const atA = await watch(t, a, "x");
    await subscribe(t, c.url("x"));
    const other = await subscribe(t, c.url("x"));
    await until(() => [a, b, c].every(({ hub }) => hub.subscriptions("x").length === 2));
    const before = topicsOf(a, "x");
    c.link.isolate();
    await cluster.until(() => [a, b].every(({ hub }) => hub.subscriptions("x").length === 0));
    await atA.watcher.until(({ data }) => data.length === 4);
    c.link.reconnect();
    await cluster.until(() => [a, b].every(({ hub }) => hub.subscriptions("x").length === 2));
    assert.deepEqual([topicsOf(a, "x"), topicsOf(c, "x")], [before, before]);
    await cluster.until(() => atA.seen().length === 6);
    other.close();
    await cluster.until(() => atA.seen().length === 7);
    await cluster.advance(30);
    // For each stream, the events alternate, and the last one tells the truth.
    const lines = atA.seen().map((line) => line.split(" ") as [subscriber: string, active: string]);
    const ids = new Set(lines.map(([subscriber]) => subscriber));
    const statesOf = (id: string) => lines.filter(([of]) => of === id).map(([, active]) => active);
    const states = [...ids].map((id) => statesOf(id).join(" "));
    assert.deepEqual(states.sort(), ["true false true", "true false true false"]);
  });

  // After 25 seconds, the log has deleted the record of the node's end.
  for (const [first, seconds] of [
    ["answers", 1],
    ["timers", 1],
    ["answers", 25],
    ["timers", 25],
  ] as const) {
    test(`of a node that was paused for ${seconds} s longer than its lease are whole again, if its ${first} come first`, async (t) => {
      const cluster = new NodeCluster(t);
      const [a, b, c] = [await cluster.start(), await cluster.start(), await cluster.start()];
      const atA = await watch(t, a, "x");
      await subscribe(t, c.url("x"));
      await until(() => [a, b, c].every(({ hub }) => hub.subscriptions("x").length === 1));
      const before = topicsOf(a, "x");
      c.process.stop();
      await cluster.until(() => [a, b].every(({ hub }) => hub.subscriptions("x").length === 0));
      await atA.watcher.until(({ data }) => data.length === 2);
      await cluster.advance(seconds);
      await c.process.resume(first);
      await cluster.until(() => [a, b].every(({ hub }) => hub.subscriptions("x").length === 1));
      assert.deepEqual([topicsOf(a, "x"), topicsOf(c, "x")], [before, before]);
      await cluster.until(() => atA.seen().length === 3);
      await cluster.advance(30);
      assert.deepEqual(
        atA.seen().map((line) => line.split(" ")[1]),
        ["true", "false", "true"],
      );
    });
  }

  test("are the same on a node that was paused for longer than the log keeps updates, and for less than its lease", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c] = [await cluster.start(), await cluster.start(), await cluster.start()];
    const stream = await subscribe(t, a.url("x"));
    await until(() => [a, b, c].every(({ hub }) => hub.subscriptions("x").length === 1));
    c.process.stop();
    stream.close();
    await subscribe(t, a.url("x"));
    await subscribe(t, b.url("x"));
    await until(() => [a, b].every(({ hub }) => hub.subscriptions("x").length === 2));
    await cluster.advance(6);
    await c.process.resume("answers");
    await cluster.until(() => c.hub.subscriptions("x").length === 2);
    assert.deepEqual(topicsOf(c, "x"), topicsOf(a, "x"));
  });

  test("of a node that dies are announced once, if another node hears of the death and of the announcement together", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b, c] = [await cluster.start(), await cluster.start(), await cluster.start()];
    const [atA, atB] = [await watch(t, a, "x"), await watch(t, b, "x")];
    await subscribe(t, c.url("x"));
    await until(() => [a, b, c].every(({ hub }) => hub.subscriptions("x").length === 1));
    const claims = () => cluster.store.contents.filter((text) => text.includes("claim")).length;
    c.link.kill();
    await cluster.advance(14);
    b.process.stop();
    while (claims() < 1) {
      cluster.clock.advance(0.01);
      await turn();
    }
    a.link.stop();
    const resumed = b.process.resume("answers");
    while (claims() < 2) await turn();
    b.link.stop();
    await resumed;
    for (const { link } of [a, b]) link.wake();
    await cluster.until(() => [atA, atB].every(({ seen }) => seen().length >= 2));
    await cluster.advance(5);
    for (const { seen } of [atA, atB])
      assert.deepEqual(
        seen().map((line) => line.split(" ")[1]),
        ["true", "false"],
      );
  });

  test("keep and pass over the records of a newer version", async (t) => {
    const cluster = new NodeCluster(t);
    const a = await cluster.start();
    const { transport } = await cluster.connect();
    transport.nodes.tell("z/unknown", "anything");
    transport.nodes.tell("s/00000000-0000-4000-8000-000000000000", JSON.stringify([2, { of: "the future" }]));
    transport.nodes.tell("n", JSON.stringify([1, 0, "more"]));
    await until(() => [...a.transport.nodes.entries("z/")].length === 1);
    assert.deepEqual(a.hub.subscriptions(), []);
    assert.equal(a.errors.length, 0);
    assert.equal([...a.transport.nodes.entries("s/")].length, 1);
  });

  test("do not outlive a hub that closes, while its transport stays open", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const atA = await watch(t, a, "x");
    await subscribe(t, b.url("x"));
    await until(() => a.hub.subscriptions("x").length === 1);
    await b.hub.close();
    await until(() => a.hub.subscriptions("x").length === 0);
    await atA.watcher.until(({ data }) => data.length === 2);
    await cluster.advance(30);
    assert.equal(atA.seen().length, 2);
  });
});

describe("limits and disconnections of several nodes", () => {
  test("the max connections of a subject counts its streams on all nodes", async (t) => {
    const cluster = new NodeCluster(t);
    const options = { maxConnectionsPerSubject: 2 };
    const [a, b] = [await cluster.start(options), await cluster.start(options)];
    const headers = await bearer("x");
    const first = await subscribe(t, a.url("x"), headers);
    await subscribe(t, a.url("x"), headers);
    await until(() => b.hub.subscriptions("x").length === 2);
    assert.equal((await subscribe(t, b.url("x"), headers)).status, 429);
    first.close();
    await until(() => b.hub.subscriptions("x").length === 1);
    assert.equal((await subscribe(t, b.url("x"), headers)).status, 200);
  });

  test("without subscriptions, the max connections of a subject counts its streams on all nodes, and no event tells of them", async (t) => {
    const cluster = new NodeCluster(t);
    const options = { maxConnectionsPerSubject: 2, subscriptions: false };
    const [a, b, c] = [await cluster.start(options), await cluster.start(options), await cluster.start()];
    const atC = await watch(t, c, "x");
    // The watcher is of another subject.
    const headers = { Authorization: `Bearer ${await token({ subscribe: ["x"] }, { sub: "8" })}` };
    const first = await subscribe(t, a.url("x"), headers);
    assert.equal((await subscribe(t, a.url("x"), headers)).status, 200);
    await cluster.meet(a, b, c);
    assert.equal((await subscribe(t, b.url("x"), headers)).status, 429);
    first.close();
    await until(() => a.hub.connections === 1);
    await cluster.meet(a, b, c);
    assert.equal((await subscribe(t, b.url("x"), headers)).status, 200);
    assert.deepEqual(c.hub.subscriptions("x"), []);
    assert.deepEqual(atC.seen(), []);
    assert.deepEqual([...a.errors, ...b.errors, ...c.errors], []);
  });

  // The holder of a token opens streams at all nodes at once, and each node knows its own only.
  for (const subscriptions of [true, false]) {
    test(`the max connections of a subject holds for streams that three nodes admit at the same time, subscriptions ${subscriptions ? "on" : "off"}`, async (t) => {
      const cluster = new NodeCluster(t);
      const options = { maxConnectionsPerSubject: 4, subscriptions };
      const nodes = [await cluster.start(options), await cluster.start(options), await cluster.start(options)];
      await cluster.meet(...nodes);
      const [a] = nodes as [ClusterNode];
      const other = await subscribe(t, a.url("x"), { Authorization: `Bearer ${await token({}, { sub: "8" })}` });
      const headers = await bearer("x");
      const first = await subscribe(t, a.url("x"), headers);
      await cluster.meet(...nodes);
      cluster.network.stall();
      const raced = await Promise.all(nodes.flatMap(({ url }) => [1, 2, 3].map(() => subscribe(t, url("x"), headers))));
      assert.deepEqual(new Set(raced.map(({ status }) => status)), new Set([200]));
      cluster.network.resume();
      const open = () => nodes.reduce((sum, { hub }) => sum + hub.connections, 0);
      await until(() => open() === 5);
      await cluster.meet(...nodes);
      assert.equal(open(), 5);
      assert.deepEqual([first.ended, other.ended], [false, false], "older streams and other subjects continue");
      await until(() => raced.filter(({ ended }) => ended).length === 6);
      for (const { url } of nodes) assert.equal((await subscribe(t, url("x"), headers)).status, 429);
      assert.deepEqual(
        nodes.flatMap(({ errors }) => errors),
        [],
      );
    });
  }

  for (const [what, target] of [
    ["subject", { subject: "7" }],
    ["topic", { topic: "x" }],
  ] as const) {
    test(`when disconnect by ${what} resolves, streams of all nodes have ended, and tokens are refused there`, async (t) => {
      const cluster = new NodeCluster(t);
      const [a, b, c] = [await cluster.start(), await cluster.start(), await cluster.start()];
      const headers = await bearer("x");
      const streams = [await subscribe(t, b.url("x"), headers), await subscribe(t, c.url("x"), headers)];
      await until(() => a.hub.subscriptions("x").length === 2);
      await a.hub.disconnect(target);
      assert.deepEqual(a.hub.subscriptions("x"), []);
      for (const { hub, url } of [b, c]) {
        assert.equal(hub.connections, 0);
        assert.equal((await subscribe(t, url("x"), headers)).status, 401);
      }
      for (const stream of streams) await stream.until(({ ended }) => ended);
      const late = await cluster.start();
      assert.equal((await subscribe(t, late.url("x"), headers)).status, 401, "on a node that starts later");
    });
  }

  test("disconnect by subscriber ends the stream on another node", async (t) => {
    const cluster = new NodeCluster(t);
    const [a, b] = [await cluster.start(), await cluster.start()];
    const stream = await subscribe(t, b.url("x"), await bearer("x"));
    await until(() => a.hub.subscriptions("x").length === 1);
    const changes: boolean[] = [];
    a.hub.onSubscription((_subscription, _isPrivate, { isDisconnected }) => void changes.push(isDisconnected));
    await a.hub.disconnect({ subscriber: a.hub.subscriptions("x")[0]!.subscriber });
    assert.deepEqual(a.hub.subscriptions("x"), []);
    await stream.until(({ ended }) => ended);
    assert.deepEqual(changes, [true]);
  });
});
