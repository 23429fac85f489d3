import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { open } from "lmdb";
import { transportContract } from "../../../src/transport/contract/transport-contract.js";
import { LmdbTransport, type LmdbTransportOptions } from "../../../src/transport/lmdb/lmdb.js";
import type { StoredUpdate } from "../../../src/transport/transport.js";
import { FaultyNode } from "../../faults/node.js";
import { until } from "../../support/until.js";

transportContract("LmdbTransport", () => {
  const path = mkdtempSync(join(tmpdir(), "lmdb-"));
  return {
    open: (options) => new LmdbTransport({ path, ...options }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
});

function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "lmdb-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function openIn(t: TestContext, path: string, options: Partial<LmdbTransportOptions> = {}) {
  const transport = new LmdbTransport({ path, ...options });
  t.after(() => transport.close());
  await transport.ready;
  return transport;
}

const draft = (topic: string, data: string, fields = {}) => ({ topics: [topic], data, private: false, ...fields });

function dataIn(transport: LmdbTransport, topics: string[] | "*" = "*", after = 0): string[] {
  const { updates } = transport.read({ topics: topics === "*" ? "*" : new Set(topics), after });
  return updates.map(({ update }) => update.data);
}

/** Collects what a transport's listeners are called with. */
function listen(transport: LmdbTransport) {
  const heard: StoredUpdate[] = [];
  const gaps: number[] = [];
  transport.listen({ update: (stored) => heard.push(stored), gap: (through) => gaps.push(through) });
  return { heard, gaps };
}

describe("LmdbTransport", () => {
  test("knows its accepted updates, and the ids of open pages, after a restart", async (t) => {
    const path = temporaryFolder(t);
    const before = await openIn(t, path);
    const first = await before.publish(draft("a", "1"));
    await before.publish(draft("a", "2", { id: "urn:2" }));
    const beginning = before.cursor(0);
    const { head } = before;
    await before.close();

    const after = await openIn(t, path);
    assert.equal(after.head, head);
    assert.deepEqual(dataIn(after), ["1", "2"]);
    assert.deepEqual(dataIn(after, ["a"], await after.positionOf(first.id)), ["2"]);
    assert.equal(await after.positionOf("urn:2"), head);
    assert.equal(await after.positionOf(beginning), 0);
    await after.publish(draft("a", "3"));
    assert.ok(after.head > head);
  });

  test("recognises a repeated draft after a restart", async (t) => {
    const path = temporaryFolder(t);
    const before = await openIn(t, path);
    await before.publish(draft("a", "1", { id: "urn:1" }));
    await before.close();
    const after = await openIn(t, path);
    const { heard } = listen(after);
    await after.publish(draft("a", "1", { id: "urn:1" }));
    assert.deepEqual(heard, []);
    await after.publish(draft("a", "2", { id: "urn:1" }));
    assert.deepEqual(dataIn(after), ["1", "2"]);
  });

  test("shortens a history that it opens with lower bounds", async (t) => {
    const path = temporaryFolder(t);
    const before = await openIn(t, path);
    for (let i = 0; i < 60; i++) await before.publish(draft(i % 2 === 0 ? "a" : "b", `${i}`));
    await before.close();
    const short = await openIn(t, path, { historyLength: 3 });
    await short.publish(draft("a", "60"));
    await until(() => dataIn(short, ["a"]).length === 3);
    assert.deepEqual(dataIn(short, ["a"]), ["56", "58", "60"]);
    await short.close();
    const small = await openIn(t, path, { maxHistoryBytes: 10_000 });
    await small.publish(draft("b", "61"));
    await until(() => dataIn(small).length < 10);
    assert.equal(dataIn(small).at(-1), "61");
  });

  test("delivers each node's updates to the other, once and in one order", async (t) => {
    const path = temporaryFolder(t);
    const nodes = [await openIn(t, path), await openIn(t, path)];
    const logs = nodes.map(listen);
    const published = nodes.flatMap((node, n) =>
      Array.from({ length: 50 }, (_, i) => node.publish(draft(`t${i % 3}`, `${n}-${i}`))),
    );
    await Promise.all(published);
    await until(() => logs.every(({ heard }) => heard.length === 100));
    assert.deepEqual(logs[0]!.heard, logs[1]!.heard);
    assert.deepEqual(
      logs.map(({ gaps }) => gaps),
      [[], []],
    );
  });

  test("brings updates that history leaves out to the other nodes", async (t) => {
    const path = temporaryFolder(t);
    const limits = { historyLength: 1 };
    const [one, other] = [await openIn(t, path, limits), await openIn(t, path, limits)];
    const { heard, gaps } = listen(other);
    await Promise.all(["1", "2", "3"].map((data) => one.publish(draft("a", data))));
    await one.publish(draft("a", "live", { keep: false }));
    await until(() => heard.length === 4);
    assert.deepEqual(
      heard.map(({ update }) => update.data),
      ["1", "2", "3", "live"],
    );
    assert.deepEqual(gaps, []);
    assert.deepEqual(dataIn(other), ["3"]);
  });

  test("resolves an id of another node once its own listeners have received the update", async (t) => {
    const path = temporaryFolder(t);
    const [one, other] = [await openIn(t, path), await openIn(t, path)];
    const { heard } = listen(other);
    for (let i = 0; i < 20; i++) {
      const { id } = await one.publish(draft("a", `${i}`));
      const position = await other.positionOf(id);
      assert.equal(heard.at(-1)?.position, position);
      assert.equal(other.head, position);
    }
  });

  test("never reads past its head, although the file holds more", async (t) => {
    const path = temporaryFolder(t);
    const [one, other] = [await openIn(t, path), await openIn(t, path)];
    let compared = 0;
    one.listen({
      update: ({ position }) => {
        // The other node has not heard this update yet, because nothing has run since the commit.
        for (const topics of ["*", new Set(["a"])] as const) {
          const { updates, through } = other.read({ topics, after: 0 });
          assert.ok(through <= other.head);
          assert.ok(updates.every((stored) => stored.position <= other.head));
        }
        if (other.head < position) compared++;
      },
    });
    for (let i = 0; i < 20; i++) await one.publish(draft("a", `${i}`));
    assert.ok(compared > 0);
  });

  test("rejects updates in time while another process holds the lock and does not run, and continues afterwards", async (t) => {
    const path = temporaryFolder(t);
    const transport = await openIn(t, path, { publishTimeout: 0.3 });
    await transport.publish(draft("a", "1"));
    const program = `
      import { open } from "lmdb";
      import { readSync } from "node:fs";
      const environment = open({ path: ${JSON.stringify(path)}, noSubdir: false, overlappingSync: false });
      environment.transactionSync(() => {
        console.log("locked");
        readSync(0, Buffer.alloc(1));
      });
    `;
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    t.after(() => holder.kill("SIGKILL"));
    await once(holder.stdout, "data");
    const late = transport.publish(draft("a", "2"));
    await assert.rejects(late, { code: "ERR_TRANSPORT", message: /did not confirm an update within 0.3 s/ });
    assert.equal(transport.state, "away");
    assert.deepEqual(dataIn(transport), ["1"]);
    holder.stdin.end();
    await until(() => transport.state === "ready");
    await transport.publish(draft("a", "3"));
    // The update that was not confirmed was accepted all the same, as the error says.
    assert.deepEqual(dataIn(transport), ["1", "2", "3"]);
  });

  test("replaces the update of a key in each of its topics, and tells of no gap", async (t) => {
    const transport = await openIn(t, temporaryFolder(t));
    await transport.publish({ ...draft("a", "a1", { key: "k" }), topics: ["a", "b"] });
    await transport.publish(draft("a", "other", { key: "l" }));
    await transport.publish(draft("a", "a2", { key: "k" }));
    assert.deepEqual(dataIn(transport, ["a"]), ["other", "a2"]);
    assert.deepEqual(dataIn(transport, ["b"]), ["a1"]);
    await transport.publish(draft("b", "b2", { key: "k" }));
    assert.deepEqual(dataIn(transport), ["other", "a2", "b2"]);
    for (const topics of ["*", new Set(["a"]), new Set(["b"])] as const) {
      assert.equal(transport.read({ topics, after: 0 }).lostThrough, 0);
    }
  });

  test("keeps as many updates of a topic as its pattern says", async (t) => {
    const historyLengths = [{ match: "/log/*", match_type: "urlpattern", length: 1 } as const];
    const transport = await openIn(t, temporaryFolder(t), { historyLength: 3, historyLengths });
    for (const data of ["1", "2", "3", "4"]) {
      await transport.publish(draft("/log/a", data));
      await transport.publish(draft("/chat", data));
    }
    assert.deepEqual(dataIn(transport, ["/log/a"]), ["4"]);
    assert.deepEqual(dataIn(transport, ["/chat"]), ["2", "3", "4"]);
  });

  // A client that opens and closes streams fills the log of events: the hub must not forget a revoked token by that.
  test("holds control messages until their time has passed, after any number of events and after a restart", async (t) => {
    const path = temporaryFolder(t);
    const limits = { maxHistoryBytes: 16 * 1024 };
    const before = await openIn(t, path, limits);
    const order = (data: string, fields: object, until?: number) =>
      before.publish(draft("/hub/order", data, fields), { namespace: "/hub/order", keep: "orders", until });
    await order("revoked", {});
    await order("expired", {}, before.now() - 1);
    await order("older", { key: "7" });
    await order("newer", { key: "7" });
    const events = Array.from({ length: 300 }, (_, i) =>
      before.publish(draft(`/hub/event/${i}`, "event"), { namespace: "/hub/event/", keep: "events" }),
    );
    await Promise.all(events);
    assert.deepEqual(dataIn(before, ["/hub/order"]), ["revoked", "newer"]);
    assert.ok(dataIn(before).length < 10);
    await before.close();
    const after = await openIn(t, path, limits);
    const { updates, lostThrough } = after.read({ topics: new Set(["/hub/order"]), after: 0 });
    assert.deepEqual(
      updates.map(({ update }) => update.data),
      ["revoked", "newer"],
    );
    assert.equal(lostThrough, 0);
  });

  test("keeps text that no encoding has: NUL and lone surrogates, in topics, ids and data", async (t) => {
    const path = temporaryFolder(t);
    const before = await openIn(t, path);
    const odd = ["\0", "\ud800", "\udfff", "a\u2028"];
    for (const text of odd) await before.publish(draft(`topic ${text}`, text, { id: `urn:${text}` }));
    await before.close();
    const after = await openIn(t, path);
    for (const text of odd) {
      assert.deepEqual(dataIn(after, [`topic ${text}`]), [text]);
      assert.notEqual(await after.positionOf(`urn:${text}`), undefined);
    }
  });

  // LMDB maps a file that outgrows its map again from two threads at once, which ended processes.
  test("maps its file once, however much the file grows", {
    skip: existsSync("/proc/self/maps") ? false : "the system does not list the memory maps of a process",
  }, async (t) => {
    const path = temporaryFolder(t);
    const transport = await openIn(t, path);
    for (let i = 0; i < 30; i++) await transport.publish(draft("a", `${i}`.padEnd(100_000)));
    const maps = readFileSync("/proc/self/maps", "utf8").split("\n");
    assert.equal(maps.filter((line) => line.endsWith(join(realpathSync(path), "data.mdb"))).length, 1);
  });

  test("tells of a gap where a row is damaged, and continues", async (t) => {
    const path = temporaryFolder(t);
    const before = await openIn(t, path);
    for (const data of ["1", "2", "3"]) await before.publish(draft("a", data));
    const { updates } = before.read({ topics: "*", after: 0 });
    await before.close();
    const environment = open({ path, noSubdir: false, overlappingSync: false });
    const log = environment.openDB<string, Buffer>({ name: "log", encoding: "string", keyEncoding: "binary" });
    const [, second] = [...log.getKeys()];
    await log.put(second!, '["history",["a"');
    await environment.close();

    const after = await openIn(t, path);
    for (const topics of ["*", new Set(["a"])] as const) {
      const replay = after.read({ topics, after: 0 });
      assert.deepEqual(
        replay.updates.map(({ update }) => update.data),
        ["1", "3"],
      );
      assert.equal(replay.lostThrough, updates[1]!.position);
    }
  });
});

describe("The nodes of an LMDB folder", () => {
  test("know each other's entries, including those from before they came", async (t) => {
    const path = temporaryFolder(t);
    const one = await openIn(t, path);
    one.nodes.tell("stream/1", "a");
    one.nodes.tell("stream/2", "b");
    const other = await openIn(t, path);
    const changes: unknown[] = [];
    other.nodes.listen((...change) => changes.push(change));
    const entries = () => [...other.nodes.entries("stream/")].filter(([node]) => node === one.nodes.self);
    await until(() => entries().length === 2);
    assert.deepEqual(entries().sort(), [
      [one.nodes.self, "stream/1", "a"],
      [one.nodes.self, "stream/2", "b"],
    ]);
    changes.length = 0;
    one.nodes.tell("stream/1", undefined);
    one.nodes.tell("stream/2", "c");
    await until(() => changes.length === 2);
    assert.deepEqual(entries(), [[one.nodes.self, "stream/2", "c"]]);
  });

  test("forget the entries of a node that closes", async (t) => {
    const path = temporaryFolder(t);
    const [one, other] = [await openIn(t, path), await openIn(t, path)];
    one.nodes.tell("k", "v");
    await until(() => [...other.nodes.entries("k")].length === 1);
    const changes: unknown[] = [];
    other.nodes.listen((...change) => changes.push(change));
    await one.close();
    await until(() => changes.length > 0);
    assert.deepEqual(changes, [[one.nodes.self, "k", undefined]]);
  });

  test("forget the entries of a process that was killed", async (t) => {
    const path = temporaryFolder(t);
    const transport = await openIn(t, path);
    const victim = new FaultyNode({
      name: "victim",
      transport: { kind: "lmdb", options: { path } },
      publishers: 0,
      entry: "here",
    });
    const entries = () => [...transport.nodes.entries("here")];
    await until(() => entries().length === 1);
    await victim.kill();
    await until(() => entries().length === 0);
  });

  test("share many entries in few commits", async (t) => {
    const path = temporaryFolder(t);
    const [one, other] = [await openIn(t, path), await openIn(t, path)];
    for (let i = 0; i < 7000; i++) one.nodes.tell(`k${i}`, `${i}`);
    await until(() => [...other.nodes.entries("k")].length === 7000);
  });
});
