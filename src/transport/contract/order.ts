import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { timeOfPosition } from "../positions.js";
import type { StoredUpdate } from "../transport.js";
import { dataOf, draft, listenTo, type OpenForTest, read } from "./store-under-test.js";

/** Tests the one order of all updates, for listeners and for ids. */
export function orderTests(open: OpenForTest): void {
  test("orders updates: positions grow, and history has the listeners' order", async (t) => {
    const transport = await open(t);
    const heard: StoredUpdate[] = [];
    transport.listen({ update: (stored) => heard.push(stored) });
    equal(transport.head, 0);
    await Promise.all(Array.from({ length: 50 }, (_, i) => transport.publish(draft(`topic-${i % 3}`, String(i)))));

    const { updates, lostThrough, through } = await read(transport);
    equal(updates.length, 50);
    deepEqual(
      heard.map(({ position, update }) => [position, update.id]),
      updates.map(({ position, update }) => [position, update.id]),
    );
    const positions = updates.map(({ position }) => position);
    ok(positions[0]! > 0);
    ok(positions.every((position, i) => i === 0 || position > positions[i - 1]!));
    equal(transport.head, positions.at(-1));
    equal(through, transport.head);
    equal(lostThrough, 0);
  });

  test("has called its listeners when publish resolves, and head is never behind them", async (t) => {
    const transport = await open(t);
    let heads: [number, number][] = [];
    transport.listen({ update: ({ position }) => heads.push([position, transport.head]) });
    for (let i = 1; i <= 3; i++) {
      await transport.publish(draft("a"));
      equal(heads.length, 1);
      ok(heads[0]![1] >= heads[0]![0]);
      heads = [];
    }
  });

  test("keeps the order for all listeners when one publishes", async (t) => {
    const transport = await open(t);
    const heard: string[] = [];
    let answer: Promise<unknown> | undefined;
    transport.listen({
      update: ({ update }) => {
        if (update.data === "question") answer = transport.publish(draft("a", "answer"));
      },
    });
    transport.listen({ update: ({ update }) => heard.push(update.data) });
    await transport.publish(draft("a", "question"));
    await answer;
    deepEqual(heard, ["question", "answer"]);
  });

  test("stops calling a listener that was removed", async (t) => {
    const transport = await open(t);
    const heard: string[] = [];
    const stop = transport.listen({ update: ({ update }) => heard.push(update.data) });
    await transport.publish(draft("a", "1"));
    stop();
    await transport.publish(draft("a", "2"));
    deepEqual(heard, ["1"]);
  });

  test("uses ids as places in the order", async (t) => {
    const transport = await open(t);
    const first = await transport.publish(draft("a", "1"));
    const own = await transport.publish(draft("a", "2", { id: "urn:own" }));
    await transport.publish(draft("a", "3"));
    equal(own.id, "urn:own");
    const { updates } = await read(transport);
    equal(await transport.positionOf(first.id), updates[0]!.position);
    equal(await transport.positionOf("urn:own"), updates[1]!.position);
    equal(await transport.positionOf("unknown"), undefined);
    equal(await transport.positionOf("#AAAAAAAAAAAAAAAAAAAAAA"), undefined);
    equal(await transport.positionOf(""), undefined);
  });

  test("has a cursor for every position, including the beginning", async (t) => {
    const transport = await open(t);
    const beginning = transport.cursor(0);
    equal(await transport.positionOf(beginning), 0);
    equal(transport.cursor(0), beginning);
    await transport.publish(draft("a", "", { id: "urn:own" }));
    equal(await transport.positionOf(transport.cursor(transport.head)), transport.head);
    equal(await transport.positionOf(beginning), 0);
  });

  // A reader that resumes after a future event would be told that it has missed nothing.
  test("treats a cursor of the future as unknown", async (t) => {
    const transport = await open(t);
    equal(await transport.positionOf(transport.cursor(transport.head + 1)), undefined);
  });

  // Mercure 1.0, "Reconnection": a reader that resumes from any of them misses nothing.
  test("resolves an id to the oldest update in history that has it", async (t) => {
    const transport = await open(t, { historyLength: 2 });
    const id = "urn:todo:7";
    for (const [topic, data] of [
      ["a", "1"],
      ["quiet", "2"],
      ["a", "3"],
    ] as const) {
      await transport.publish(draft(topic, data, { id }));
    }
    const positionOf = async (data: string) =>
      (await read(transport)).updates.find(({ update }) => update.data === data)!.position;
    equal(await transport.positionOf(id), await positionOf("1"));
    // History evicts the first update, and then the third before the second.
    for (const data of ["4", "5"]) await transport.publish(draft("a", data));
    deepEqual(dataOf(await read(transport)), ["2", "4", "5"]);
    equal(await transport.positionOf(id), await positionOf("2"));
    for (const data of ["6", "7"]) await transport.publish(draft("quiet", data));
    equal(await transport.positionOf(id), undefined);
  });

  test("uses times of the store's clock as positions", async (t) => {
    const transport = await open(t);
    const { heard } = listenTo(transport);
    const before = transport.now();
    await transport.publish(draft("a"));
    // One millisecond has room for a thousand updates.
    await Promise.all(Array.from({ length: 1000 }, () => transport.publish(draft("a"))));
    const after = transport.now();
    for (const { position } of heard) {
      const time = timeOfPosition(position);
      ok(time > before - 1000 && time < after + 1000, `${time} is not between ${before} and ${after}`);
    }
  });

  test("never reads past its head", async (t) => {
    const transport = await open(t);
    const reads: Promise<boolean>[] = [];
    const check = async () => {
      const { head } = transport;
      const { updates, through } = await read(transport);
      return through <= transport.head && updates.every(({ position }) => position <= Math.max(head, through));
    };
    transport.listen({ update: () => void reads.push(check()) });
    await Promise.all(Array.from({ length: 30 }, (_, i) => transport.publish(draft("a", `${i}`))));
    deepEqual(new Set(await Promise.all(reads)), new Set([true]));
  });
}
