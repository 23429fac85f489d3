import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { transportContract } from "../../../src/transport/contract/transport-contract.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import type { StoredUpdate } from "../../../src/transport/transport.js";

transportContract("MemoryTransport", () => ({ open: (options) => new MemoryTransport(options) }), { isShared: false });

function publish(transport: MemoryTransport, topics: string | string[], data = "", id?: string) {
  const draft = { topics: [topics].flat(), data, private: false };
  return transport.publish(id === undefined ? draft : { ...draft, id });
}

function read(transport: MemoryTransport, topics: string[] | "*", after = 0) {
  const replay = transport.read({ topics: topics === "*" ? "*" : new Set(topics), after });
  return { ...replay, data: replay.updates.map(({ update }) => update.data) };
}

/** Returns the positions of all later updates, the oldest first. */
function positionsOf(transport: MemoryTransport): number[] {
  const positions: number[] = [];
  transport.listen({ update: ({ position }) => void positions.push(position) });
  return positions;
}

describe("MemoryTransport", () => {
  test("keeps an update as long as one of its topics holds it", async () => {
    const transport = new MemoryTransport({ historyLength: 2 });
    const positions = positionsOf(transport);
    await publish(transport, ["quiet", "busy"], "shared");
    for (const data of ["1", "2", "3"]) await publish(transport, "busy", data);
    assert.deepEqual(read(transport, ["busy"]).data, ["2", "3"]);
    assert.equal(read(transport, ["busy"]).lostThrough, positions[1]);
    assert.deepEqual(read(transport, ["quiet"]).data, ["shared"]);
    assert.equal(read(transport, ["quiet"]).lostThrough, 0);
    assert.deepEqual(read(transport, "*").data, ["shared", "2", "3"]);
    assert.equal(read(transport, "*").lostThrough, positions[1]);
  });

  test("bounds the total bytes, and evicts the oldest first", async () => {
    const transport = new MemoryTransport({ maxHistoryBytes: 50_000 });
    const positions = positionsOf(transport);
    for (let i = 0; i < 200; i++) {
      await publish(transport, `topic-${i % 10}`, "x".repeat(1000));
      assert.ok(transport.historyBytes <= 50_000);
    }
    const { updates, lostThrough } = read(transport, "*");
    assert.ok(updates.length > 10);
    assert.equal(updates.at(-1)!.position, positions[199]);
    assert.equal(lostThrough, positions[positions.indexOf(updates[0]!.position) - 1]);
  });

  // A publisher invents a new topic for each update until the memory is full.
  test("fits any number of topics in the bound, and shows evicted updates as a gap", async () => {
    const transport = new MemoryTransport({ maxHistoryBytes: 100_000 });
    await publish(transport, "first");
    for (let i = 0; i < 5000; i++) await publish(transport, [`a-${i}`, `b-${i}`]);
    assert.ok(transport.historyBytes <= 100_000);
    assert.ok(read(transport, "*").updates.length < 200);
    assert.ok(read(transport, ["first"], 0).lostThrough > 0);
    assert.equal(read(transport, ["a-4999"], 0).data.length, 1);
  });

  test("sends an update above the bound to listeners, and reports its loss", async () => {
    const transport = new MemoryTransport({ maxHistoryBytes: 1000 });
    const heard: StoredUpdate[] = [];
    transport.listen({ update: (stored) => heard.push(stored) });
    await publish(transport, "a", "x".repeat(1000));
    assert.equal(heard.length, 1);
    const { head } = transport;
    assert.deepEqual(read(transport, ["a"]), { updates: [], data: [], lostThrough: head, through: head });
    assert.equal(transport.historyBytes, 0);
  });

  test("keeps nothing with a history of length 0, and reports the gap", async () => {
    const transport = new MemoryTransport({ historyLength: 0 });
    await publish(transport, ["a", "b"]);
    const { head } = transport;
    assert.deepEqual(read(transport, ["a"]), { updates: [], data: [], lostThrough: head, through: head });
    assert.equal(transport.historyBytes, 0);
    assert.equal(transport.positionOf(transport.cursor(head)), head);
  });

  test("frees a publisher's id with its update", async () => {
    const transport = new MemoryTransport({ historyLength: 1 });
    await publish(transport, "a", "1", "urn:1");
    await publish(transport, "a", "2", "urn:2");
    assert.equal(transport.positionOf("urn:1"), undefined);
    await publish(transport, "a", "3", "urn:1");
    assert.equal(transport.positionOf("urn:1"), transport.head);
  });

  test("treats ids of an earlier start as unknown", async () => {
    const [before, after] = [new MemoryTransport(), new MemoryTransport()];
    const { id } = await publish(before, "a");
    await publish(after, "a");
    assert.equal(after.positionOf(id), undefined);
    assert.equal(after.positionOf(before.cursor(0)), undefined);
  });

  // Page sources contain ids: a reader who finds a position in one learns the volume of updates, and can forge others.
  test("makes ids that disclose nothing and cannot be guessed", async () => {
    const transport = new MemoryTransport();
    const ids = await Promise.all(Array.from({ length: 100 }, async () => (await publish(transport, "a")).id));
    assert.equal(new Set(ids).size, 100);
    for (const id of ids) assert.match(id, /^#[\w-]{22}$/);
    for (const prefix of [2, 4]) assert.ok(new Set(ids.map((id) => id.slice(1, prefix + 1))).size > 10);
    const [first] = ids as [string];
    for (let i = 1; i < 22; i++) {
      const forged = `${first.slice(0, i)}${first[i] === "A" ? "B" : "A"}${first.slice(i + 1)}`;
      assert.equal(transport.positionOf(forged), undefined);
    }
  });

  test("rejects unknown and invalid options", () => {
    assert.throws(() => new MemoryTransport({ historyLenght: 1 } as object), {
      code: "ERR_OPTION",
      message: /historyLength/,
    });
    assert.throws(() => new MemoryTransport({ historyLength: -1 }), { code: "ERR_OPTION" });
    assert.throws(() => new MemoryTransport({ maxHistoryBytes: Number.NaN }), { code: "ERR_OPTION" });
  });

  test("holds the same for each topic as a history of that topic alone", () => {
    const topic = fc.constantFrom<string>("a", "b", "c", "d");
    const topics = fc.uniqueArray(topic, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(topics, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (published, historyLength) => {
        const transport = new MemoryTransport({ historyLength });
        const at = positionsOf(transport);
        for (const [i, names] of published.entries()) publish(transport, names, String(i + 1));
        const held = new Set<number>();
        let dropped = 0;
        for (const name of ["a", "b", "c", "d"]) {
          const positions = published.flatMap((names, i) => (names.includes(name) ? [i + 1] : []));
          const kept = positions.slice(-historyLength);
          const lost = positions.slice(0, -historyLength).at(-1);
          const replay = read(transport, [name]);
          assert.deepEqual(replay.data, kept.map(String));
          assert.equal(replay.lostThrough, lost === undefined ? 0 : at[lost - 1]);
          for (const position of kept) held.add(position);
        }
        for (let position = 1; position <= published.length; position++) if (!held.has(position)) dropped = position;
        const all = read(transport, "*");
        assert.deepEqual(all.data, [...held].sort((a, b) => a - b).map(String));
        assert.equal(all.lostThrough, dropped === 0 ? 0 : at[dropped - 1]);
      }),
    );
  });

  test("reports every loss, whatever the limits evict", () => {
    const topic = fc.integer({ min: 0, max: 12 }).map((n) => `topic-${n}`);
    const published = fc.array(
      fc.record({ topics: fc.uniqueArray(topic, { minLength: 1, maxLength: 3 }), size: fc.nat(400) }),
    );
    fc.assert(
      fc.property(published, fc.uniqueArray(topic, { minLength: 1 }), fc.nat(50), (updates, asked, after) => {
        const transport = new MemoryTransport({ historyLength: 4, maxHistoryBytes: 20_000 });
        const at = positionsOf(transport);
        for (const { topics, size } of updates) publish(transport, topics, "x".repeat(size));
        const start = after === 0 ? 0 : (at[after - 1] ?? transport.head);
        const replay = read(transport, asked, start);
        const expected = updates.flatMap(({ topics }, i) =>
          i + 1 > after && topics.some((name) => asked.includes(name)) ? [at[i]] : [],
        );
        if (replay.lostThrough > start) return;
        assert.deepEqual(
          replay.updates.map(({ position }) => position),
          expected,
        );
      }),
    );
  });
});

describe("the hub's own updates in MemoryTransport", () => {
  const namespace = "/hub/subscriptions/";
  const own = { namespace, keep: "events" } as const;
  const event = (topic: string, data = "") => ({
    topics: [`${namespace}${topic}/x`, `${namespace}${topic}`],
    data,
    private: true,
  });
  const read = (transport: MemoryTransport, topics: string[] | "*", after = 0, limit?: number) =>
    transport.read({
      topics: topics === "*" ? "*" : new Set(topics),
      after,
      ...(limit === undefined ? {} : { limit }),
    });
  const dataOf = ({ updates }: { updates: readonly { update: { data: string } }[] }) =>
    updates.map(({ update }) => update.data);

  test("are read in one order with all others, by topic and as a whole", async () => {
    const transport = new MemoryTransport();
    await transport.publish(event("a", "1"), own);
    await transport.publish({ topics: ["a"], data: "2", private: false });
    await transport.publish(event("b", "3"), own);
    await transport.publish(event("a", "4"), own);
    assert.deepEqual(dataOf(read(transport, "*")), ["1", "2", "3", "4"]);
    assert.deepEqual(dataOf(read(transport, [`${namespace}a`])), ["1", "4"]);
    assert.deepEqual(dataOf(read(transport, [`${namespace}a`, "a"])), ["1", "2", "4"]);
    assert.deepEqual(dataOf(read(transport, [`${namespace}b/x`], 1)), ["3"]);
    assert.deepEqual(dataOf(read(transport, ["a"])), ["2"]);
  });

  test("reach a reader in pieces once, in order", async () => {
    const transport = new MemoryTransport();
    const expected = Array.from({ length: 60 }, (_, i) => `${i}`);
    for (const [i, data] of expected.entries()) {
      if (i % 3 === 0) await transport.publish({ topics: ["a"], data, private: false });
      else await transport.publish(event("a", data), own);
    }
    for (const topics of ["*", ["a", `${namespace}a`]] as const) {
      const seen: string[] = [];
      let after = 0;
      while (after < transport.head) {
        const replay = read(transport, topics as string[] | "*", after, 7);
        assert.ok(replay.through > after);
        seen.push(...dataOf(replay));
        after = replay.through;
      }
      assert.deepEqual(seen, expected);
    }
  });

  test("take no room from publishers, have a bound, and report their loss to their own readers", async () => {
    const transport = new MemoryTransport({ maxHistoryBytes: 160_000 });
    const positions = positionsOf(transport);
    await transport.publish({ topics: ["a"], data: "kept", private: false });
    const { historyBytes } = transport;
    for (let i = 0; i < 1000; i++) await transport.publish(event(`topic-${i}`, `${i}`), own);
    assert.equal(transport.historyBytes, historyBytes);
    assert.deepEqual(read(transport, ["a"]), { ...read(transport, ["a"]), lostThrough: 0 });
    const last = read(transport, [`${namespace}topic-999`]);
    assert.deepEqual(dataOf(last), ["999"]);
    assert.ok(last.lostThrough > positions[900]!);
    assert.ok(dataOf(read(transport, "*")).length < 30);
  });
});
