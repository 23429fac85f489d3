import { deepEqual, equal, ok } from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { StoredUpdate, Transport } from "../transport.js";
import {
  dataOf,
  draft,
  event,
  listenTo,
  type OpenNode,
  order,
  orders,
  read,
  readTopics,
  until,
} from "./store-under-test.js";

type OpenStore = (t: TestContext) => Promise<OpenNode>;

const placesOf = (updates: readonly StoredUpdate[]) => updates.map(({ position, update }) => [position, { ...update }]);

async function reached(node: Transport, position: number): Promise<void> {
  await until(() => node.head >= position);
}

/** Tests a store that outlives its nodes: it is opened again, and by several nodes. */
export function sharedStoreTests(storeOf: OpenStore): void {
  test("has its updates, ids and losses after it was closed and opened again", async (t) => {
    const open = await storeOf(t);
    const options = { historyLength: 3 };
    const before = await open(options);
    const begun = before.now();
    const first = await before.publish(draft("quiet", "\0\ud800", { private: true, type: "t", retry: 5 }));
    await before.publish(draft("quiet", "own id", { id: "urn:1" }));
    for (let i = 0; i < 6; i++) await before.publish(draft("busy", `${i}`));
    const [history, head, cursor] = [await read(before), before.head, before.cursor(0)];
    await before.close();

    const after = await open(options);
    ok(after.head >= head);
    const again = await read(after);
    deepEqual(placesOf(again.updates), placesOf(history.updates));
    equal(again.lostThrough, history.lostThrough);
    // Some stores delete evicted updates after seconds. They then no longer know the topics of these updates.
    const lost = (await readTopics(after, "quiet")).lostThrough;
    if (after.now() - begun < 4000) equal(lost, 0);
    else ok(lost <= history.lostThrough);
    equal(await after.positionOf(first.id), again.updates[0]!.position);
    equal(await after.positionOf("urn:1"), again.updates[1]!.position);
    equal(await after.positionOf(cursor), 0);
    equal(after.cursor(head), before.cursor(head));
  });

  test("continues after it was opened again: no position is used twice, and repetitions are known", async (t) => {
    const open = await storeOf(t);
    const before = await open();
    await before.publish(draft("a", "1", { id: "urn:1" }));
    await before.publish(draft("a", "2", { keep: false }));
    const { head } = before;
    await before.close();
    const after = await open();
    const { heard } = listenTo(after);
    await after.publish(draft("a", "1", { id: "urn:1" }));
    equal(heard.length, 0);
    await after.publish(draft("a", "other", { id: "urn:1" }));
    ok(heard[0]!.position > head);
    deepEqual(dataOf(await read(after)), ["1", "other"]);
  });

  test("retains keys, events and control messages when it is opened again", async (t) => {
    const open = await storeOf(t);
    const before = await open();
    await before.publish(draft("a", "old", { key: "k" }));
    await before.publish(draft(["/hub/own/1/2", "/hub/own/1"], "event", { private: true }), event);
    await before.publish(draft(orders, "old order", { private: true, key: "k" }), order);
    await before.publish(draft(orders, "past", { private: true }), { ...order, until: before.now() - 10_000 });
    await before.close();
    const after = await open();
    await after.publish(draft("a", "new", { key: "k" }));
    await after.publish(draft(orders, "new order", { private: true, key: "k" }), order);
    deepEqual(dataOf(await readTopics(after, "a")), ["new"]);
    deepEqual(dataOf(await readTopics(after, "/hub/own/1")), ["event"]);
    const kept = await readTopics(after, orders);
    deepEqual([dataOf(kept), kept.lostThrough], [["new order"], 0]);
  });

  test("brings each update to all nodes, in one order and at one position", async (t) => {
    const open = await storeOf(t);
    const nodes = [await open(), await open()];
    const heard = nodes.map((node) => listenTo(node).heard);
    const publish = (node: number, i: number) => nodes[node]!.publish(draft(`topic-${i % 3}`, `${node} ${i}`));
    await Promise.all(Array.from({ length: 100 }, (_, i) => publish(i % 2, i)));
    await until(() => heard.every(({ length }) => length === 100));
    deepEqual(placesOf(heard[1]!), placesOf(heard[0]!));
    for (const node of nodes) deepEqual(placesOf((await read(node)).updates), placesOf(heard[0]!));
    const late = await open();
    deepEqual(placesOf((await read(late)).updates), placesOf(heard[0]!));
  });

  // One node renders a page, and the page's stream goes to another node that is a little slower.
  test("resolves a fresh id of another node once this node has reached it", async (t) => {
    const open = await storeOf(t);
    const [here, there] = [await open(), await open()];
    for (let i = 0; i < 50; i++) {
      const ids = [(await here.publish(draft("a", `${i}`))).id, here.cursor(here.head)];
      for (const id of ids) {
        const position = await there.positionOf(id);
        equal(position, here.head, `the id of update ${i}`);
        ok(there.head >= position!);
        equal((await read(there, { after: position! - 1 })).updates[0]?.update.data, `${i}`);
      }
    }
    equal(await there.positionOf(here.cursor(here.head + 1)), undefined);
  });

  test("recognizes at one node a draft that repeats an update of another", async (t) => {
    const open = await storeOf(t);
    const [here, there] = [await open(), await open()];
    const { data } = listenTo(there);
    const first = await here.publish(draft("a", "1", { id: "urn:1" }));
    const again = await there.publish(draft("a", "1", { id: "urn:1" }));
    deepEqual({ ...again }, { ...first });
    await there.publish(draft("a", "2", { id: "urn:1" }));
    await until(() => data.length === 2);
    deepEqual(data, ["1", "2"]);
    await reached(here, there.head);
    deepEqual(dataOf(await read(here)), ["1", "2"]);
  });

  test("accepts two different updates of two nodes under one id at once", async (t) => {
    const open = await storeOf(t);
    const nodes = [await open(), await open()];
    await Promise.all(nodes.map((node, i) => node.publish(draft("a", `${i}`, { id: "urn:1" }))));
    await Promise.all(nodes.map((node) => reached(node, Math.max(...nodes.map(({ head }) => head)))));
    const lists = await Promise.all(nodes.map(async (node) => dataOf(await read(node))));
    deepEqual(lists[0], lists[1]);
    deepEqual(lists[0]!.sort(), ["0", "1"]);
  });

  test("delivers updates with keep: false and control messages at every node", async (t) => {
    const open = await storeOf(t);
    const [here, there] = [await open(), await open()];
    const { data } = listenTo(there);
    await here.publish(draft("a", "live", { keep: false }));
    await here.publish(draft(orders, "order", { private: true }), order);
    await until(() => data.length === 2);
    deepEqual(data, ["live", "order"]);
    deepEqual(dataOf(await read(there)), []);
    equal((await read(there)).lostThrough, 0);
    deepEqual(dataOf(await readTopics(await open(), orders)), ["order"]);
  });

  test("keeps working at one node when another closes", async (t) => {
    const open = await storeOf(t);
    const [here, there] = [await open(), await open()];
    await there.publish(draft("a", "1"));
    await there.close();
    await here.publish(draft("a", "2"));
    deepEqual(dataOf(await read(here)), ["1", "2"]);
  });

  test("shows the entries of a node to the others, from its start to its end", async (t) => {
    const open = await storeOf(t);
    const [here, there] = [await open(), await open()];
    const heard: unknown[] = [];
    there.nodes.listen((node, key, value) => {
      if (node === here.nodes.self) heard.push([key, value]);
    });
    here.nodes.tell("s/1", "one");
    here.nodes.tell("s/2", "two");
    const seen = (node: Transport) => [...node.nodes.entries("s/")].map(([, key, value]) => `${key} ${value}`).sort();
    await until(() => seen(there).length === 2);
    deepEqual(seen(there), ["s/1 one", "s/2 two"]);
    const late = await open();
    await until(() => seen(late).length === 2);
    here.nodes.tell("s/1", undefined);
    await until(() => seen(there).length === 1);
    await here.close();
    await until(() => seen(there).length === 0 && seen(late).length === 0);
    deepEqual(heard.at(-1), ["s/2", undefined]);
  });
}

/** Tests a node that lags behind the others. */
export function laggingNodeTests(
  storeOf: (t: TestContext) => Promise<{ open: OpenNode; pause: (node: Transport) => unknown }>,
): void {
  test("catches up after a pause without a gap while history has every update", async (t) => {
    const { open, pause } = await storeOf(t);
    const [here, there] = [await open(), await open()];
    const listener = listenTo(there);
    const resume = (await pause(there)) as () => unknown;
    for (let i = 0; i < 50; i++) await here.publish(draft("a", `${i}`));
    await resume();
    await until(() => listener.data.length === 50);
    deepEqual(
      listener.data,
      Array.from({ length: 50 }, (_, i) => `${i}`),
    );
    deepEqual(listener.gaps, []);
  });

  test("reports a gap to the node that has it, and a loss only to readers of the topics that lost updates", async (t) => {
    const { open, pause } = await storeOf(t);
    const options = { historyLength: 5 };
    const [here, there] = [await open(options), await open(options)];
    await here.publish(draft("busy", "0"));
    await here.publish(draft("quiet", "0"));
    await reached(there, here.head);
    const before = there.head;
    const { heard, gaps } = listenTo(there);
    const resume = (await pause(there)) as () => unknown;
    for (let i = 1; i <= 1000; i++) await here.publish(draft("busy", `${i}`));
    await resume();
    await reached(there, here.head);
    const missed = heard.length < 1000;
    equal(gaps.length > 0, missed, `${heard.length} updates heard, ${gaps.length} gaps`);
    const positions = heard.map(({ position }) => position);
    deepEqual(
      positions,
      [...positions].sort((a, b) => a - b),
    );
    const busy = await read(there, { topics: new Set(["busy"]), after: before });
    ok(busy.lostThrough > before);
    deepEqual(dataOf(busy), ["996", "997", "998", "999", "1000"]);
    ok((await read(there, { topics: new Set(["quiet"]), after: before })).lostThrough <= before);
  });
}
