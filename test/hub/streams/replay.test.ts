import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { draft, RemoteTransport, startHub, subscribe, turn } from "../fixture.js";

describe("replay", () => {
  test("sends the updates after the event, and confirms that none is missing", async (t) => {
    const { hub, url } = await startHub(t);
    await hub.publish(draft("a", "1"));
    const { id } = await hub.publish(draft("a", "2"));
    await hub.publish(draft("b", "elsewhere"));
    await hub.publish(draft("a", "3"));
    const subscriber = await subscribe(t, url("a"), { "Last-Event-ID": id });
    await hub.publish(draft("a", "4"));
    await subscriber.until(({ data }) => data.length === 2);
    assert.deepEqual(subscriber.data, ["3", "4"]);
    assert.equal(subscriber.headers["last-event-id"], id);
    assert.equal(subscriber.headers["mercure-last-event-id"], undefined);
  });

  test("starts from a cursor before the first update", async (t) => {
    const { hub, url } = await startHub(t);
    const cursor = hub.lastEventId;
    await hub.publish(draft("a", "1"));
    const subscriber = await subscribe(t, url("a", { lastEventID: cursor }));
    await subscriber.until(({ data }) => data.length === 1);
    assert.equal(subscriber.headers["last-event-id"], cursor);
  });

  test("uses cursors of the hub's own, never an id that a publisher chose", async (t) => {
    const { hub } = await startHub(t);
    await hub.publish(draft("secret", "", { id: "urn:secret:1", private: true }));
    assert.match(hub.lastEventId, /^#[\w-]{22}$/);
  });

  test("sends all history for earliest", async (t) => {
    const { hub, url } = await startHub(t);
    for (const data of ["1", "2"]) await hub.publish(draft("a", data));
    const subscriber = await subscribe(t, url("a", { lastEventID: "earliest" }));
    await subscriber.until(({ data }) => data.length === 2);
    assert.equal(subscriber.headers["last-event-id"], "earliest");
  });

  test("prefers the header over the parameters of all versions", async (t) => {
    const { hub, url } = await startHub(t);
    const old = hub.lastEventId;
    const { id } = await hub.publish(draft("a", "1"));
    await hub.publish(draft("a", "2"));
    for (const name of ["lastEventID", "Last-Event-ID", "last-event-id", "last_event_id"]) {
      const byParameter = await subscribe(t, url("a", { [name]: old }));
      await byParameter.until(({ data }) => data.length === 2);
      const byHeader = await subscribe(t, url("a", { [name]: old }), { "Last-Event-ID": id });
      await byHeader.until(({ data }) => data.length === 1);
      assert.deepEqual(byHeader.data, ["2"]);
    }
    const empty = await subscribe(t, url("a", { lastEventID: old }), { "Last-Event-ID": "" });
    await empty.until(({ data }) => data.length === 2);
  });

  test("accepts publishers' ids too, also beyond ASCII", async (t) => {
    const { hub, url } = await startHub(t);
    await hub.publish(draft("a", "1", { id: "urn:café:1" }));
    await hub.publish(draft("a", "2"));
    // EventSource sends the header as UTF-8; Node's client sends the same bytes when they are given as Latin-1.
    const header = Buffer.from("urn:café:1").toString("latin1");
    for (const subscriber of [
      await subscribe(t, url("a"), { "Last-Event-ID": header }),
      await subscribe(t, url("a", { lastEventID: "urn:café:1" })),
    ]) {
      await subscriber.until(({ data }) => data.length === 1);
      assert.deepEqual(subscriber.data, ["2"]);
      assert.equal(subscriber.headers["last-event-id"], header);
    }
  });

  test("takes the first update of a repeated id, in both versions", async (t) => {
    const { hub, url, origin } = await startHub(t);
    for (const [data, id] of [
      ["1", "urn:twice"],
      ["2", "urn:once"],
      ["3", "urn:twice"],
    ] as const) {
      await hub.publish(draft("a", data, { id }));
    }
    await hub.publish(draft("a", "4"));
    for (const [target, field] of [
      [url("a", { lastEventID: "urn:twice" }), "last-event-id"],
      [`${origin}${hub.path}?match=a&last_event_id=urn:twice`, "mercure-last-event-id"],
    ] as const) {
      const subscriber = await subscribe(t, target);
      await subscriber.until(({ data }) => data.at(-1) === "4");
      assert.deepEqual(subscriber.data, ["2", "3", "4"]);
      assert.equal(subscriber.headers[field], "urn:twice");
    }
  });

  test("takes the next update of an id that is free again", async (t) => {
    const { hub, url } = await startHub(t, { transport: new MemoryTransport({ historyLength: 1 }) });
    await hub.publish(draft("a", "1", { id: "urn:twice" }));
    await hub.publish(draft("a", "2"));
    await hub.publish(draft("b", "3", { id: "urn:twice" }));
    await hub.publish(draft("c", "4"));
    const subscriber = await subscribe(t, url(["b", "c"], { lastEventID: "urn:twice" }));
    await subscriber.until(({ data }) => data.length === 1);
    assert.deepEqual(subscriber.data, ["4"]);
  });

  test("tells a client without a cursor the preceding event when it asks", async (t) => {
    const { hub, url, origin } = await startHub(t, { subscriptions: false });
    await hub.publish(draft("a", "1"));
    const { lastEventId } = hub;
    for (const [target, headers, field] of [
      [url("a", { lastEventID: "" }), {}, "last-event-id"],
      [url("a"), { "Last-Event-ID": "" }, "last-event-id"],
      [`${origin}${hub.path}?match=a&last_event_id=`, {}, "mercure-last-event-id"],
    ] as const) {
      const subscriber = await subscribe(t, target, headers);
      assert.equal(subscriber.headers[field], lastEventId);
      subscriber.close();
    }
    assert.equal((await subscribe(t, url("a"))).headers["last-event-id"], undefined);
  });

  test("answers earliest in Mercure 1.0 for an unknown or evicted event", async (t) => {
    const { hub, origin } = await startHub(t);
    for (const id of ["urn:unknown", "earliest"]) {
      const { headers } = await subscribe(t, `${origin}${hub.path}?match=a&last_event_id=${id}`);
      assert.equal(headers["mercure-last-event-id"], "earliest");
    }
  });

  // The header would carry other characters, or end its line.
  test("treats bytes in the header other than UTF-8 as an unknown id", async (t) => {
    const { hub, url, origin } = await startHub(t);
    await hub.publish(draft("a", "1"));
    const subscriber = await subscribe(t, url("a"), { "Last-Event-ID": "\xff\xfe" });
    await subscriber.until(({ data }) => data.length === 1);
    assert.equal(subscriber.headers["last-event-id"], "earliest");
    assert.equal((await fetch(`${origin}${hub.path}?topic=a&lastEventID=%FF`)).status, 400);
  });

  test("shows a restart as a gap, and sends all history", async (t) => {
    const before = await startHub(t);
    const { id } = await before.hub.publish(draft("a", "1"));
    const after = await startHub(t);
    await after.hub.publish(draft("a", "2"));
    for (const unknown of [id, before.hub.lastEventId, "urn:unknown", "#garbage"]) {
      const subscriber = await subscribe(t, after.url("a", { lastEventID: unknown }));
      await subscriber.until(({ data }) => data.length === 1);
      assert.deepEqual(subscriber.data, ["2"]);
      assert.equal(subscriber.headers["last-event-id"], "earliest");
    }
  });

  test("shows an overflow of the topic's history as a gap, with the id to continue from", async (t) => {
    const { hub, url } = await startHub(t, { transport: new MemoryTransport({ historyLength: 3 }) });
    const cursor = hub.lastEventId;
    for (let i = 1; i <= 5; i++) await hub.publish(draft("a", String(i)));
    const subscriber = await subscribe(t, url("a", { lastEventID: cursor }));
    await subscriber.until(({ data }) => data.length === 3);
    assert.deepEqual(subscriber.data, ["3", "4", "5"]);
    const preceding = subscriber.headers["last-event-id"] as string;
    assert.notEqual(preceding, cursor);

    const again = await subscribe(t, url("a", { lastEventID: preceding }));
    await again.until(({ data }) => data.length === 3);
    assert.equal(again.headers["last-event-id"], preceding);
  });

  test("shows no gap in a quiet topic beside a busy one", async (t) => {
    const { hub, url } = await startHub(t, { transport: new MemoryTransport({ historyLength: 3 }) });
    const cursor = hub.lastEventId;
    await hub.publish(draft("quiet", "1"));
    for (let i = 0; i < 50; i++) await hub.publish(draft("busy", String(i)));
    const subscriber = await subscribe(t, url("quiet", { lastEventID: cursor }));
    await subscriber.until(({ data }) => data.length === 1);
    assert.equal(subscriber.headers["last-event-id"], cursor);
  });

  test("continues after a gap in one topic, across several reads", async (t) => {
    const { hub, url } = await startHub(t, { transport: new MemoryTransport({ historyLength: 20 }) });
    const large = (name: string) => name.padEnd(30_000);
    for (let i = 0; i < 10; i++) await hub.publish(draft("quiet", large(`quiet ${i}`)));
    for (let i = 0; i < 30; i++) await hub.publish(draft("busy", large(`busy ${i}`)));
    const subscriber = await subscribe(t, url(["quiet", "busy"], { lastEventID: "earliest" }));
    await subscriber.until(({ data }) => data.length === 30);
    assert.deepEqual(
      subscriber.data.map((data) => data.trim()),
      [
        ...Array.from({ length: 10 }, (_, i) => `quiet ${i}`),
        ...Array.from({ length: 20 }, (_, i) => `busy ${i + 10}`),
      ],
    );
  });

  for (const Transport of [MemoryTransport, RemoteTransport]) {
    test(`joins a fast publisher exactly once, in order (${Transport.name})`, async (t) => {
      const { hub, url } = await startHub(t, { transport: new Transport({ historyLength: 5000 }) });
      const total = 3000;
      const joins: Promise<void>[] = [];
      const join = async (from: number, cursor: string, topics: string[]) => {
        const subscriber = await subscribe(t, url(topics, { lastEventID: cursor }));
        await subscriber.until(({ data }) => data.at(-1) === "end");
        const expected = Array.from({ length: total - from }, (_, i) => String(from + i));
        assert.deepEqual(subscriber.data, [...expected, "end"]);
      };
      for (let i = 0; i < total; i++) {
        if (i % 200 === 0) {
          joins.push(join(i, hub.lastEventId, i % 400 === 0 ? ["a", "b"] : ["*"]));
        }
        await hub.publish(draft(i % 3 === 0 ? ["a", "b"] : i % 3 === 1 ? "a" : "b", String(i)));
        if (i % 20 === 0) await turn();
      }
      await hub.publish(draft(["a", "b"], "end"));
      await Promise.all(joins);
    });
  }
});
