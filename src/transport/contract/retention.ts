import { deepEqual, equal, ok } from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { HistoryOptions } from "../history/history-options.js";
import type { Transport } from "../transport.js";
import { dataOf, draft, event, listenTo, order, orders, read, readTopics } from "./store-under-test.js";

/** Tests the retention of updates: `keep`, `key`, history lengths, and the hub's own events and control messages. */
export function retentionTests(open: (t: TestContext, options?: HistoryOptions) => Promise<Transport>): void {
  test("delivers an update with keep: false, and neither stores it nor reports it as lost", async (t) => {
    const transport = await open(t);
    const { data } = listenTo(transport);
    await transport.publish(draft("a", "stored"));
    const live = await transport.publish(draft("a", "live", { keep: false }));
    equal(await transport.positionOf(live.id), transport.head);
    await transport.publish(draft("a", "later"));
    deepEqual(data, ["stored", "live", "later"]);
    for (const replay of [await read(transport), await readTopics(transport, "a")]) {
      deepEqual(dataOf(replay), ["stored", "later"]);
      equal(replay.lostThrough, 0);
    }
    ok((await transport.positionOf(live.id))! < transport.head);
  });

  test("keeps only the newest update of a key in each topic, and reports no loss", async (t) => {
    const transport = await open(t);
    const { data } = listenTo(transport);
    await transport.publish(draft("count", "1", { key: "n" }));
    await transport.publish(draft("count", "other", { key: "m" }));
    await transport.publish(draft("count", "no key"));
    await transport.publish(draft("count", "2", { key: "n" }));
    await transport.publish(draft("elsewhere", "3", { key: "n" }));
    deepEqual(data, ["1", "other", "no key", "2", "3"]);
    const counted = await readTopics(transport, "count");
    deepEqual(dataOf(counted), ["other", "no key", "2"]);
    equal(counted.lostThrough, 0);
    const all = await read(transport);
    deepEqual(dataOf(all), ["other", "no key", "2", "3"]);
    equal(all.lostThrough, 0);
  });

  test("replaces an update of several topics in those that the newer one has", async (t) => {
    const transport = await open(t);
    await transport.publish(draft(["a", "b"], "both", { key: "k" }));
    await transport.publish(draft("a", "newer", { key: "k" }));
    deepEqual(dataOf(await readTopics(transport, "a")), ["newer"]);
    deepEqual(dataOf(await readTopics(transport, "b")), ["both"]);
    await transport.publish(draft("b", "last", { key: "k" }));
    deepEqual(dataOf(await read(transport)), ["newer", "last"]);
  });

  test("frees the id of a replaced update, and keeps the rest of the history's length", async (t) => {
    const transport = await open(t, { historyLength: 2 });
    await transport.publish(draft("a", "1", { key: "k", id: "urn:1" }));
    await transport.publish(draft("a", "2"));
    await transport.publish(draft("a", "3", { key: "k", id: "urn:3" }));
    const { updates, lostThrough } = await read(transport);
    deepEqual(dataOf({ updates }), ["2", "3"]);
    equal(lostThrough, 0);
    equal(await transport.positionOf("urn:1"), undefined);
    equal(await transport.positionOf("urn:3"), transport.head);
  });

  test("keeps histories of different lengths, by name and by pattern", async (t) => {
    const transport = await open(t, {
      historyLength: 3,
      historyLengths: [
        { match: "none", length: 0 },
        { match: "rooms/{id}", match_type: "uritemplate", length: 1 },
      ],
    });
    for (const topic of ["none", "rooms/1", "rooms/2", "other"]) {
      for (let i = 1; i <= 4; i++) await transport.publish(draft(topic, `${i}`));
    }
    const kept = async (topic: string) => dataOf(await readTopics(transport, topic));
    deepEqual(await kept("none"), []);
    deepEqual(await kept("rooms/1"), ["4"]);
    deepEqual(await kept("rooms/2"), ["4"]);
    deepEqual(await kept("other"), ["2", "3", "4"]);
    for (const topic of ["none", "rooms/1", "other"]) ok((await readTopics(transport, topic)).lostThrough > 0);
  });

  test("evicts no update of a publisher for events of the hub", async (t) => {
    const transport = await open(t, { maxHistoryBytes: 64_000 });
    await transport.publish(draft("a", "kept"));
    for (let i = 0; i < 300; i++) {
      await transport.publish(draft([`/hub/own/${i}/1`, `/hub/own/${i}`], `${i}`, { private: true }), event);
    }
    const kept = await readTopics(transport, "a");
    deepEqual([dataOf(kept), kept.lostThrough], [["kept"], 0]);
    const events = await readTopics(transport, "/hub/own/299", "/hub/own/0");
    deepEqual(dataOf(events), ["299"]);
    ok(events.lostThrough > 0);
  });

  // A node that starts without the message accepts the token that the message revokes.
  test("keeps control messages after any number of events, even without a history", async (t) => {
    const transport = await open(t, { historyLength: 0, maxHistoryBytes: 0 });
    const { data } = listenTo(transport);
    await transport.publish(draft(orders, "refuse", { private: true }), order);
    for (let i = 0; i < 300; i++) {
      await transport.publish(draft(`/hub/own/${i}`, `${i}`, { private: true }), event);
      await transport.publish(draft("a", `${i}`));
    }
    equal(data[0], "refuse");
    const replay = await readTopics(transport, orders);
    deepEqual([dataOf(replay), replay.lostThrough], [["refuse"], 0]);
    // Subscribers to all topics never read control messages.
    ok(!dataOf(await read(transport)).includes("refuse"));
  });

  test("keeps the newest control message of a key, and none whose time has passed", async (t) => {
    const transport = await open(t);
    const publish = (data: string, key?: string, until?: number) =>
      transport.publish(draft(orders, data, { private: true, ...(key !== undefined && { key }) }), { ...order, until });
    await publish("older", "k");
    await publish("other", "l");
    await publish("newer", "k");
    await publish("past", "m", transport.now() - 10_000);
    await publish("future", "n", transport.now() + 3_600_000);
    const replay = await readTopics(transport, orders);
    deepEqual([dataOf(replay), replay.lostThrough], [["other", "newer", "future"], 0]);
  });
}
