import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import type { StoredUpdate } from "../transport.js";
import { dataOf, draft, event, type OpenForTest, read } from "./store-under-test.js";

/** Tests reading history, whole and in pieces. */
export function replayTests(open: OpenForTest): void {
  test("reads the updates of the requested topics only, each once, in order", async (t) => {
    const transport = await open(t);
    await transport.publish(draft("a", "1"));
    await transport.publish(draft("b", "2"));
    await transport.publish(draft(["b", "a"], "3"));
    await transport.publish(draft(["c", "c"], "4"));
    await transport.publish(draft("a", "5"));
    const topics = (...names: string[]) => ({ topics: new Set(names) });
    deepEqual(dataOf(await read(transport, topics("a"))), ["1", "3", "5"]);
    deepEqual(dataOf(await read(transport, topics("a", "b"))), ["1", "2", "3", "5"]);
    deepEqual(dataOf(await read(transport, topics("c"))), ["4"]);
    deepEqual(dataOf(await read(transport, topics("unknown"))), []);
    deepEqual(dataOf(await read(transport)), ["1", "2", "3", "4", "5"]);
  });

  test("reads in pieces that join without a gap or a repetition", async (t) => {
    const transport = await open(t);
    for (let i = 0; i < 60; i++) await transport.publish(draft(`topic-${i % 3}`, `${i}`.padStart(10)));
    for (const topics of ["*", new Set(["topic-0", "topic-2"]), new Set(["topic-1"])] as const) {
      const whole = (await read(transport, { topics })).updates;
      const joined: StoredUpdate[] = [];
      for (let after = 0; after < transport.head; ) {
        const { updates, through } = await read(transport, { topics, after, limit: 45 });
        ok(updates.length <= 5);
        ok(through > after);
        joined.push(...updates);
        after = through;
      }
      deepEqual(dataOf({ updates: joined }), dataOf({ updates: whole }));
    }
  });

  test("returns at least one update in a piece, however large", async (t) => {
    const transport = await open(t);
    await transport.publish(draft("a", "x".repeat(1000)));
    await transport.publish(draft("a", "y"));
    equal((await read(transport, { limit: 10 })).updates.length, 1);
  });

  test("examines at most the requested number of updates at a time, and continues from there", async (t) => {
    const transport = await open(t);
    for (let i = 0; i < 40; i++) await transport.publish(draft(`topic-${i % 4}`, `${i}`));
    for (const topics of ["*", new Set(["topic-0", "topic-2"]), new Set(["topic-1"]), new Set(["none"])] as const) {
      const whole = (await read(transport, { topics })).updates;
      const joined: StoredUpdate[] = [];
      for (let after = 0; after < transport.head; ) {
        const { updates, through } = await read(transport, { topics, after, maxUpdates: 3 });
        ok(updates.length <= 3);
        ok(through > after);
        joined.push(...updates);
        after = through;
      }
      deepEqual(dataOf({ updates: joined }), dataOf({ updates: whole }));
    }
  });

  test("leaves out private updates on request", async (t) => {
    const transport = await open(t);
    for (let i = 0; i < 10; i++) await transport.publish(draft("a", `${i}`, { private: i % 2 === 0 }));
    await transport.publish(draft("/hub/own/1", "own", { private: true }), event);
    for (const topics of ["*", new Set(["a", "/hub/own/1"])] as const) {
      const { updates, through } = await read(transport, { topics, private: false });
      deepEqual(dataOf({ updates: updates }), ["1", "3", "5", "7", "9"]);
      equal(through, transport.head);
      equal((await read(transport, { topics, private: true })).updates.length, 11);
    }
  });

  test("keeps the newest of each topic, and reports the loss for each", async (t) => {
    const transport = await open(t, { historyLength: 3 });
    await transport.publish(draft("quiet", "q"));
    for (let i = 1; i <= 10; i++) await transport.publish(draft("busy", String(i)));
    const [quiet, busy] = await Promise.all(
      ["quiet", "busy"].map((topic) => read(transport, { topics: new Set([topic]) })),
    );
    deepEqual(dataOf(quiet!), ["q"]);
    equal(quiet!.lostThrough, 0);
    deepEqual(dataOf(busy!), ["8", "9", "10"]);
    ok(busy!.lostThrough < busy!.updates[0]!.position);
    ok(busy!.lostThrough > quiet!.updates[0]!.position);
    const both = await read(transport, { topics: new Set(["quiet", "busy"]) });
    deepEqual(dataOf(both), ["q", "8", "9", "10"]);
    equal(both.lostThrough, busy!.lostThrough);
    const all = await read(transport);
    deepEqual(dataOf(all), ["q", "8", "9", "10"]);
    equal(all.lostThrough, busy!.lostThrough);
  });
}
