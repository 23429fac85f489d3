import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { draft, startHub, subscribe } from "../fixture.js";

describe("subscribing", () => {
  test("sends the head at once, with the headers that stop proxies from buffering", async (t) => {
    const { url } = await startHub(t);
    const { status, headers } = await subscribe(t, url("messages"));
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "text/event-stream");
    assert.equal(headers["cache-control"], "private, no-store, no-transform");
    assert.equal(headers["x-accel-buffering"], "no");
    assert.equal(headers["last-event-id"], undefined);
  });

  test("sends updates of the requested topics with their id, type, retry and data", async (t) => {
    const { hub, url } = await startHub(t);
    const subscriber = await subscribe(t, url(["messages", "é ü/1"]));
    const { id } = await hub.publish(draft("messages", "one\ntwo"));
    await hub.publish(draft("other", "unseen"));
    await hub.publish(draft("é ü/1", "", { id: "urn:1", type: "note", retry: 10 }));
    await subscriber.until(({ events }) => events.length === 2);
    assert.deepEqual(subscriber.events, [
      { id, event: undefined, data: "one\ntwo" },
      { id: "urn:1", event: "note", data: "" },
    ]);
  });

  test("sends an update with several topics once", async (t) => {
    const { hub, url } = await startHub(t);
    const subscribers = await Promise.all(
      [["a", "b"], ["b"], ["*"], ["a", "*"]].map((topics) => subscribe(t, url(topics))),
    );
    await hub.publish(draft(["a", "b", "c"], "1"));
    await hub.publish(draft("b", "2"));
    for (const subscriber of subscribers) {
      await subscriber.until(({ data }) => data.at(-1) === "2");
      assert.deepEqual(subscriber.data, ["1", "2"]);
    }
  });

  test("sends everything for *", async (t) => {
    const { hub, url } = await startHub(t);
    const subscriber = await subscribe(t, url("*"));
    await hub.publish(draft("a", "1"));
    await hub.publish(draft("b", "2"));
    await subscriber.until(({ data }) => data.length === 2);
  });

  test("answers HEAD as GET, and opens no stream", async (t) => {
    const { hub, url } = await startHub(t);
    const answer = await fetch(url("a", { lastEventID: hub.lastEventId }), { method: "HEAD" });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/event-stream");
    assert.equal(answer.headers.get("last-event-id"), hub.lastEventId);
    assert.equal(hub.connections, 0);
    assert.equal((await fetch(`${url([])}`, { method: "HEAD" })).status, 400);
  });

  test("rejects a request without a topic, or with an invalid one, with the reason", async (t) => {
    const { origin } = await startHub(t);
    for (const [query, detail] of [
      ["", /Name the topics/],
      ["?foo=bar", /Name the topics/],
      ["?topic=", /must not be empty/],
      ["?topic=a&topic=b%0Ac", /U\+000A/],
      ["?topic=a%E2%80%8Db", /U\+200D/],
      ["?topic=%FF", /UTF-8/],
    ] as const) {
      const answer = await fetch(`${origin}/.well-known/mercure${query}`);
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.match(((await answer.json()) as { detail: string }).detail, detail);
    }
  });

  test("rejects other methods and other paths", async (t) => {
    const { origin, url } = await startHub(t);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const answer = await fetch(url("a"), { method });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.get("allow"), "GET, HEAD, QUERY");
    }
    for (const path of ["/", "/.well-known/mercurex", "/.well-known", "/x/.well-known/mercure"]) {
      assert.equal((await fetch(`${origin}${path}?topic=a`)).status, 404);
    }
  });

  test("serves at another path by an option", async (t) => {
    const { url } = await startHub(t, { path: "/live" });
    assert.match(url("a"), /\/live\?topic=a$/);
    assert.equal((await subscribe(t, url("a"))).status, 200);
  });
});
