import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Draft } from "../../src/protocol/update.js";
import type { Replay, ReplayQuery, StoredUpdate, Transport } from "../../src/transport/transport.js";

export interface TransportLimits {
  /** How many updates of each topic are kept; at least 100 when absent. */
  readonly historyLength?: number;
}

function draft(topics: string | string[], data = "", fields: Partial<Draft> = {}): Draft {
  return { topics: typeof topics === "string" ? [topics] : topics, data, private: false, ...fields };
}

/** The options of an event of the hub. */
const own = { namespace: "/hub/own/", keep: "events" } as const;

const dataOf = (updates: readonly StoredUpdate[]): string[] => updates.map(({ update }) => update.data);

/**
 * The contract of every implementation of {@link Transport}.
 *
 * @param create - Makes an empty transport; the suite closes it.
 */
export function transportContract(
  name: string,
  create: (limits?: TransportLimits) => Transport | Promise<Transport>,
): void {
  async function open(t: TestContext, limits?: TransportLimits): Promise<Transport> {
    const transport = await create(limits);
    t.after(() => transport.close());
    return transport;
  }

  async function read(transport: Transport, query: Partial<ReplayQuery> = {}): Promise<Replay> {
    return transport.read({ topics: "*", after: 0, ...query });
  }

  describe(`${name} as a transport`, () => {
    test("keeps a draft unchanged, under an id", async (t) => {
      const transport = await open(t);
      const update = await transport.publish(
        draft(["a", "b"], "x\r\n\0é\u{1f600}", { private: true, type: "note", retry: 5 }),
      );
      const expected = { topics: ["a", "b"], data: "x\r\n\0é\u{1f600}", private: true, type: "note", retry: 5 };
      const { id, ...rest } = update;
      assert.deepEqual({ ...rest }, expected);
      assert.match(id, /^[^\p{Cc}\p{Cf}\p{Cs}]+$/u);
      const { updates } = await read(transport);
      assert.deepEqual({ ...updates[0]?.update }, { id, ...expected });
    });

    test("keeps the hub's own events", async (t) => {
      const transport = await open(t);
      const heard: StoredUpdate[] = [];
      transport.listen({ update: (stored) => heard.push(stored) });
      const { id } = await transport.publish(draft(["/hub/own/1/2", "/hub/own/1"], "own", { private: true }), own);
      const { updates } = await read(transport, { topics: new Set(["/hub/own/1"]) });
      for (const stored of [heard[0], updates[0]]) {
        assert.deepEqual(stored?.update.topics, ["/hub/own/1/2", "/hub/own/1"]);
        assert.equal(stored.update.data, "own");
        assert.equal(stored.update.private, true);
        assert.equal(stored.update.id, id);
        assert.equal(stored.update.type, undefined);
        assert.deepEqual(JSON.parse(JSON.stringify(stored.update)), { ...stored.update });
      }
      assert.equal(await transport.positionOf(id), updates[0]?.position);
    });

    test("orders updates: positions grow, and history has the listeners' order", async (t) => {
      const transport = await open(t);
      const heard: StoredUpdate[] = [];
      transport.listen({ update: (stored) => heard.push(stored) });
      assert.equal(transport.head, 0);
      await Promise.all(Array.from({ length: 50 }, (_, i) => transport.publish(draft(`topic-${i % 3}`, String(i)))));

      const { updates, lostThrough, through } = await read(transport);
      assert.equal(updates.length, 50);
      assert.deepEqual(
        heard.map(({ position, update }) => [position, update.id]),
        updates.map(({ position, update }) => [position, update.id]),
      );
      const positions = updates.map(({ position }) => position);
      assert.ok(positions[0]! > 0);
      assert.ok(positions.every((position, i) => i === 0 || position > positions[i - 1]!));
      assert.equal(transport.head, positions.at(-1));
      assert.equal(through, transport.head);
      assert.equal(lostThrough, 0);
    });

    test("has called its listeners when publish resolves, and head is never behind them", async (t) => {
      const transport = await open(t);
      let heads: [number, number][] = [];
      transport.listen({ update: ({ position }) => heads.push([position, transport.head]) });
      for (let i = 1; i <= 3; i++) {
        await transport.publish(draft("a"));
        assert.equal(heads.length, 1);
        assert.ok(heads[0]![1] >= heads[0]![0]);
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
      assert.deepEqual(heard, ["question", "answer"]);
    });

    test("calls a listener no more after it has stopped", async (t) => {
      const transport = await open(t);
      const heard: string[] = [];
      const stop = transport.listen({ update: ({ update }) => heard.push(update.data) });
      await transport.publish(draft("a", "1"));
      stop();
      await transport.publish(draft("a", "2"));
      assert.deepEqual(heard, ["1"]);
    });

    test("reads the updates of the requested topics only, each once, in order", async (t) => {
      const transport = await open(t);
      await transport.publish(draft("a", "1"));
      await transport.publish(draft("b", "2"));
      await transport.publish(draft(["b", "a"], "3"));
      await transport.publish(draft(["c", "c"], "4"));
      await transport.publish(draft("a", "5"));
      const topics = (...names: string[]) => ({ topics: new Set(names) });
      assert.deepEqual(dataOf((await read(transport, topics("a"))).updates), ["1", "3", "5"]);
      assert.deepEqual(dataOf((await read(transport, topics("a", "b"))).updates), ["1", "2", "3", "5"]);
      assert.deepEqual(dataOf((await read(transport, topics("c"))).updates), ["4"]);
      assert.deepEqual(dataOf((await read(transport, topics("unknown"))).updates), []);
      assert.deepEqual(dataOf((await read(transport)).updates), ["1", "2", "3", "4", "5"]);
    });

    test("reads in pieces that join without a gap or a repetition", async (t) => {
      const transport = await open(t);
      for (let i = 0; i < 60; i++) await transport.publish(draft(`topic-${i % 3}`, `${i}`.padStart(10)));
      for (const topics of ["*", new Set(["topic-0", "topic-2"]), new Set(["topic-1"])] as const) {
        const whole = (await read(transport, { topics })).updates;
        const joined: StoredUpdate[] = [];
        for (let after = 0; after < transport.head; ) {
          const { updates, through } = await read(transport, { topics, after, limit: 45 });
          assert.ok(updates.length <= 5);
          assert.ok(through > after);
          joined.push(...updates);
          after = through;
        }
        assert.deepEqual(dataOf(joined), dataOf(whole));
      }
    });

    test("returns at least one update in a piece, however large", async (t) => {
      const transport = await open(t);
      await transport.publish(draft("a", "x".repeat(1000)));
      await transport.publish(draft("a", "y"));
      assert.equal((await read(transport, { limit: 10 })).updates.length, 1);
    });

    test("examines at most the requested number of updates at a time, and continues from there", async (t) => {
      const transport = await open(t);
      for (let i = 0; i < 40; i++) await transport.publish(draft(`topic-${i % 4}`, `${i}`));
      for (const topics of ["*", new Set(["topic-0", "topic-2"]), new Set(["topic-1"]), new Set(["none"])] as const) {
        const whole = (await read(transport, { topics })).updates;
        const joined: StoredUpdate[] = [];
        for (let after = 0; after < transport.head; ) {
          const { updates, through } = await read(transport, { topics, after, maxUpdates: 3 });
          assert.ok(updates.length <= 3);
          assert.ok(through > after);
          joined.push(...updates);
          after = through;
        }
        assert.deepEqual(dataOf(joined), dataOf(whole));
      }
    });

    test("leaves out private updates on request", async (t) => {
      const transport = await open(t);
      for (let i = 0; i < 10; i++) await transport.publish(draft("a", `${i}`, { private: i % 2 === 0 }));
      await transport.publish(draft("/hub/own/1", "own", { private: true }), own);
      for (const topics of ["*", new Set(["a", "/hub/own/1"])] as const) {
        const { updates, through } = await read(transport, { topics, private: false });
        assert.deepEqual(dataOf(updates), ["1", "3", "5", "7", "9"]);
        assert.equal(through, transport.head);
        assert.equal((await read(transport, { topics, private: true })).updates.length, 11);
      }
    });

    test("uses ids as places in the order", async (t) => {
      const transport = await open(t);
      const first = await transport.publish(draft("a", "1"));
      const own = await transport.publish(draft("a", "2", { id: "urn:own" }));
      await transport.publish(draft("a", "3"));
      assert.equal(own.id, "urn:own");
      const { updates } = await read(transport);
      assert.equal(await transport.positionOf(first.id), updates[0]!.position);
      assert.equal(await transport.positionOf("urn:own"), updates[1]!.position);
      assert.equal(await transport.positionOf("unknown"), undefined);
      assert.equal(await transport.positionOf("#AAAAAAAAAAAAAAAAAAAAAA"), undefined);
      assert.equal(await transport.positionOf(""), undefined);
    });

    test("has a cursor for every position, the beginning too", async (t) => {
      const transport = await open(t);
      const beginning = transport.cursor(0);
      assert.equal(await transport.positionOf(beginning), 0);
      assert.equal(transport.cursor(0), beginning);
      await transport.publish(draft("a", "", { id: "urn:own" }));
      assert.equal(await transport.positionOf(transport.cursor(transport.head)), transport.head);
      assert.equal(await transport.positionOf(beginning), 0);
    });

    // A reader that resumes after a future event would be told that nothing is missing.
    test("treats a cursor of the future as unknown", async (t) => {
      const transport = await open(t);
      assert.equal(await transport.positionOf(transport.cursor(transport.head + 1)), undefined);
    });

    test("rejects a draft that repeats the newest update of its id", async (t) => {
      const transport = await open(t);
      const heard: string[] = [];
      transport.listen({ update: ({ update }) => heard.push(update.data) });
      const fields = { id: "urn:1", private: true, type: "t", retry: 5 };
      const first = await transport.publish(draft(["a", "b"], "1", fields));
      const again = await transport.publish(draft(["a", "b", "a"], "1", fields));
      assert.deepEqual({ ...again }, { ...first });
      assert.deepEqual(heard, ["1"]);
      assert.equal((await read(transport)).updates.length, 1);
    });

    test("treats a draft with the id of an update and other content as another update", async (t) => {
      const transport = await open(t);
      const heard: string[] = [];
      transport.listen({ update: ({ update }) => heard.push(update.data) });
      const id = "urn:todo:7";
      const drafts = [
        draft("a", "open", { id }),
        draft("a", "done", { id }),
        draft("b", "done", { id }),
        draft(["b", "a"], "done", { id }),
        draft(["b", "a"], "done", { id, private: true }),
        draft(["b", "a"], "done", { id, private: true, type: "t" }),
        draft(["b", "a"], "done", { id, private: true, type: "t", retry: 1 }),
        // As it was at first, because a state can return.
        draft("a", "open", { id }),
      ];
      for (const each of drafts) assert.equal((await transport.publish(each)).id, id);
      assert.deepEqual(
        heard,
        drafts.map(({ data }) => data),
      );
      assert.deepEqual(dataOf((await read(transport)).updates), heard);
    });

    // Mercure 1.0, "Reconnection": a reader of any of them misses nothing.
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
      assert.equal(await transport.positionOf(id), await positionOf("1"));
      // History evicts the first, and then the third before the second.
      for (const data of ["4", "5"]) await transport.publish(draft("a", data));
      assert.deepEqual(dataOf((await read(transport)).updates), ["2", "4", "5"]);
      assert.equal(await transport.positionOf(id), await positionOf("2"));
      for (const data of ["6", "7"]) await transport.publish(draft("quiet", data));
      assert.equal(await transport.positionOf(id), undefined);
    });

    test("accepts a draft again after history has evicted its id", async (t) => {
      const transport = await open(t, { historyLength: 1 });
      await transport.publish(draft("a", "1", { id: "urn:1" }));
      await transport.publish(draft("a", "2"));
      await transport.publish(draft("a", "1", { id: "urn:1" }));
      assert.deepEqual(dataOf((await read(transport)).updates), ["1"]);
    });

    test("is unaffected by the publisher's later changes of the draft", async (t) => {
      const transport = await open(t);
      const topics = ["a"];
      await transport.publish({ topics, data: "", private: false });
      topics[0] = "b";
      assert.deepEqual([...(await read(transport)).updates[0]!.update.topics], ["a"]);
    });

    test("keeps the newest of each topic, and reports the loss for each", async (t) => {
      const transport = await open(t, { historyLength: 3 });
      await transport.publish(draft("quiet", "q"));
      for (let i = 1; i <= 10; i++) await transport.publish(draft("busy", String(i)));
      const [quiet, busy] = await Promise.all(
        ["quiet", "busy"].map((topic) => read(transport, { topics: new Set([topic]) })),
      );
      assert.deepEqual(dataOf(quiet!.updates), ["q"]);
      assert.equal(quiet!.lostThrough, 0);
      assert.deepEqual(dataOf(busy!.updates), ["8", "9", "10"]);
      assert.ok(busy!.lostThrough < busy!.updates[0]!.position);
      assert.ok(busy!.lostThrough > quiet!.updates[0]!.position);
      const both = await read(transport, { topics: new Set(["quiet", "busy"]) });
      assert.deepEqual(dataOf(both.updates), ["q", "8", "9", "10"]);
      assert.equal(both.lostThrough, busy!.lostThrough);
      const all = await read(transport);
      assert.deepEqual(dataOf(all.updates), ["q", "8", "9", "10"]);
      assert.equal(all.lostThrough, busy!.lostThrough);
    });

    test("rejects updates once it is closed", async (t) => {
      const transport = await open(t);
      await transport.publish(draft("a"));
      await transport.close();
      await assert.rejects(transport.publish(draft("a")), { code: "ERR_CLOSED" });
      await transport.close();
    });
  });
}
