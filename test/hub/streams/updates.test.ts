import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Hub } from "../../../src/hub/index.js";
import { MemoryTransport, type MemoryTransportOptions } from "../../../src/transport/memory/memory.js";
import { draft, RemoteTransport, turn } from "../fixture.js";

function makeHub(options: MemoryTransportOptions = {}, Transport = MemoryTransport): Hub {
  return new Hub({ transport: new Transport(options), keepaliveInterval: 0 });
}

const done = { done: true, value: undefined };

describe("Hub.updates", () => {
  for (const Transport of [MemoryTransport, RemoteTransport]) {
    test(`yields updates from the call on, private ones included (${Transport.name})`, async () => {
      const hub = makeHub({}, Transport);
      await hub.publish(draft("a", "before"));
      const updates = hub.updates("a");
      await hub.publish(draft("a", "1"));
      await hub.publish(draft("b", "elsewhere"));
      const received: string[] = [];
      const reading = (async () => {
        for await (const { data } of updates) {
          received.push(data);
          if (data === "3") break;
        }
      })();
      await turn();
      await hub.publish(draft("a", "2", { private: true }));
      await turn();
      await hub.publish(draft(["b", "a"], "3"));
      await reading;
      assert.deepEqual(received, ["1", "2", "3"]);
    });
  }

  test("accepts a list of topics, and the wildcard", async () => {
    const hub = makeHub();
    const [list, all] = [hub.updates(["a", "b"]), hub.updates({ match: "*", match_type: "uritemplate" })];
    for (const topic of ["c", "b", "a"]) await hub.publish(draft(topic, topic));
    assert.equal((await list.next()).value?.data, "b");
    assert.equal((await list.next()).value?.data, "a");
    for (const topic of ["c", "b", "a"]) assert.equal((await all.next()).value?.data, topic);
  });

  test("starts after an event, or with all history", async () => {
    const hub = makeHub();
    await hub.publish(draft("a", "1"));
    const { id } = await hub.publish(draft("a", "2"));
    await hub.publish(draft("a", "3"));
    assert.equal((await hub.updates("a", { lastEventId: id }).next()).value?.data, "3");
    assert.equal((await hub.updates("a", { lastEventId: "earliest" }).next()).value?.data, "1");
  });

  test("lets a slow consumer read on from history, each update once", async () => {
    const hub = makeHub();
    const updates = hub.updates("a");
    const received: string[] = [];
    for (let i = 0; i < 300; i++) {
      await hub.publish(draft("a", String(i)));
      if (i % 7 === 0) received.push((await updates.next()).value!.data);
    }
    while (received.length < 300) received.push((await updates.next()).value!.data);
    assert.deepEqual(
      received,
      Array.from({ length: 300 }, (_, i) => String(i)),
    );
  });

  test("reports the gap to a consumer who falls out of history", async () => {
    const hub = makeHub({ historyLength: 5 });
    const updates = hub.updates("a");
    for (let i = 0; i < 10; i++) await hub.publish(draft("a", String(i)));
    await assert.rejects(updates.next(), { code: "ERR_HISTORY_GAP" });
    assert.deepEqual(await updates.next(), done);
    await assert.rejects(hub.updates("a", { lastEventId: "#unknown" }).next(), { code: "ERR_HISTORY_GAP" });
    assert.equal((await hub.updates("a", { lastEventId: "earliest" }).next()).value?.data, "5");
  });

  test("ends by its signal, waiting or not", async () => {
    const hub = makeHub();
    const stop = new AbortController();
    const [waiting, idle] = [1, 2].map(() => hub.updates("a", { signal: stop.signal }));
    const pending = waiting!.next();
    await turn();
    stop.abort();
    assert.deepEqual(await pending, done);
    assert.deepEqual(await idle!.next(), done);
    assert.deepEqual(await hub.updates("a", { signal: stop.signal }).next(), done);
  });

  test("ends by return(), even while a next() waits", async () => {
    const hub = makeHub();
    const updates = hub.updates("a");
    const pending = updates.next();
    await turn();
    assert.deepEqual(await updates.return(), done);
    assert.deepEqual(await pending, done);
    await hub.publish(draft("a", "too late"));
    assert.deepEqual(await updates.next(), done);
  });

  test("ends when the hub closes", async () => {
    const hub = makeHub();
    const [waiting, idle] = [hub.updates("a"), hub.updates("a")];
    const pending = waiting.next();
    await turn();
    await hub.close();
    assert.deepEqual(await pending, done);
    assert.deepEqual(await idle.next(), done);
    assert.deepEqual(await hub.updates("a").next(), done);
  });

  test("answers several concurrent next() in order", async () => {
    const hub = makeHub();
    const updates = hub.updates("a");
    const pending = [updates.next(), updates.next(), updates.next()];
    for (const data of ["1", "2", "3"]) await hub.publish(draft("a", data));
    const received = await Promise.all(pending);
    assert.deepEqual(
      received.map(({ value }) => value?.data),
      ["1", "2", "3"],
    );
  });
});
