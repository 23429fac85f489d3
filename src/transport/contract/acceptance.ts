import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { StoredUpdate } from "../transport.js";
import { dataOf, draft, event, listenTo, type OpenForTest, read } from "./store-under-test.js";

/** Tests which part of a draft a store keeps, and which drafts are repetitions. */
export function acceptanceTests(open: OpenForTest): void {
  test("keeps a draft unchanged, under an id", async (t) => {
    const transport = await open(t);
    const update = await transport.publish(
      draft(["a", "b"], "x\r\n\0é\u{1f600}", { private: true, type: "note", retry: 5 }),
    );
    const expected = { topics: ["a", "b"], data: "x\r\n\0é\u{1f600}", private: true, type: "note", retry: 5 };
    const { id, ...rest } = update;
    deepEqual({ ...rest }, expected);
    match(id, /^[^\p{Cc}\p{Cf}\p{Cs}]+$/u);
    const { updates } = await read(transport);
    deepEqual({ ...updates[0]?.update }, { id, ...expected });
  });

  test("keeps the hub's own events", async (t) => {
    const transport = await open(t);
    const heard: StoredUpdate[] = [];
    transport.listen({ update: (stored) => heard.push(stored) });
    const { id } = await transport.publish(draft(["/hub/own/1/2", "/hub/own/1"], "own", { private: true }), event);
    const { updates } = await read(transport, { topics: new Set(["/hub/own/1"]) });
    for (const stored of [heard[0], updates[0]]) {
      deepEqual(stored?.update.topics, ["/hub/own/1/2", "/hub/own/1"]);
      equal(stored.update.data, "own");
      equal(stored.update.private, true);
      equal(stored.update.id, id);
      equal(stored.update.type, undefined);
      deepEqual(JSON.parse(JSON.stringify(stored.update)), { ...stored.update });
    }
    equal(await transport.positionOf(id), updates[0]?.position);
  });

  test("accepts an event of the hub once that repeats the newest one of its first topic", async (t) => {
    const transport = await open(t);
    const { data } = listenTo(transport);
    const states = ["begin", "begin", "end", "end", "begin"];
    await Promise.all(states.map((state) => transport.publish(draft("/hub/own/1", state), event)));
    await transport.publish(draft("/hub/own/2", "begin"), event);
    deepEqual(data, ["begin", "end", "begin", "begin"]);
    deepEqual(dataOf(await read(transport, { topics: new Set(["/hub/own/1"]) })), data.slice(0, 3));
  });

  test("rejects a draft that repeats the newest update of its id", async (t) => {
    const transport = await open(t);
    const heard: string[] = [];
    transport.listen({ update: ({ update }) => heard.push(update.data) });
    const fields = { id: "urn:1", private: true, type: "t", retry: 5 };
    const first = await transport.publish(draft(["a", "b"], "1", fields));
    const again = await transport.publish(draft(["a", "b", "a"], "1", fields));
    deepEqual({ ...again }, { ...first });
    deepEqual(heard, ["1"]);
    equal((await read(transport)).updates.length, 1);
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
      // A state can return, so this is a new update.
      draft("a", "open", { id }),
    ];
    for (const each of drafts) equal((await transport.publish(each)).id, id);
    deepEqual(
      heard,
      drafts.map(({ data }) => data),
    );
    deepEqual(dataOf(await read(transport)), heard);
  });

  test("accepts a draft again after history has evicted its id", async (t) => {
    const transport = await open(t, { historyLength: 1 });
    await transport.publish(draft("a", "1", { id: "urn:1" }));
    await transport.publish(draft("a", "2"));
    await transport.publish(draft("a", "1", { id: "urn:1" }));
    deepEqual(dataOf(await read(transport)), ["1"]);
  });

  test("is unaffected by the publisher's later changes of the draft", async (t) => {
    const transport = await open(t);
    const topics = ["a"];
    await transport.publish({ topics, data: "", private: false });
    topics[0] = "b";
    deepEqual([...(await read(transport)).updates[0]!.update.topics], ["a"]);
  });

  test("rejects updates once it is closed", async (t) => {
    const transport = await open(t);
    await transport.publish(draft("a"));
    await transport.close();
    await rejects(transport.publish(draft("a")), { code: "ERR_CLOSED" });
    await transport.close();
  });

  // JSON and UTF-8 lose some of these, and a text column of PostgreSQL rejects others.
  test("keeps NUL, lone surrogates and every kind of line break in data, at every node and after every read", async (t) => {
    const transport = await open(t);
    const texts = ["\0", "a\0b\0", "\ud800", "\udfff\ud800", "\u2028\r\n\u0085", "\\0\\u0000\\", "\ufeff"];
    const { data } = listenTo(transport);
    for (const text of texts) equal((await transport.publish(draft("a", text))).data, text);
    deepEqual(dataOf(await read(transport)), texts);
    deepEqual(data, texts);
  });

  test("has plain updates, which JSON keeps unchanged", async (t) => {
    const transport = await open(t);
    const heard = listenTo(transport);
    await transport.publish(draft(["/hub/own/1/2", "/hub/own/1"], "event", { private: true, type: "mercure" }), event);
    await transport.publish(draft("a", "1", { id: "urn:1", retry: 1 }));
    for (const { update } of [...heard.heard, ...(await read(transport)).updates]) {
      deepEqual(JSON.parse(JSON.stringify(update)), { ...update });
    }
  });

  test("is ready after it was opened, and closed after it was closed", async (t) => {
    const transport = await open(t);
    equal(transport.state, "ready");
    await transport.close();
    await transport.ready;
    equal(transport.state, "closed");
  });
}
