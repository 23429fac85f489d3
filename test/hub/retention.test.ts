import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { publishToRemoteHub } from "../../src/publisher/remote/remote-publish.js";
import { application } from "../support/application.js";
import { draft, publisherKey, startHub, subscribe, token } from "./fixture.js";

describe("an update with keep: false", () => {
  test("reaches open streams, and a stream that resumes misses it without being told", async (t) => {
    const { hub, url } = await startHub(t);
    const live = await subscribe(t, url("a"));
    const start = hub.lastEventId;
    const { id } = await hub.publish(draft("a", "live", { keep: false }));
    await hub.publish(draft("a", "stored"));
    await live.until(({ data }) => data.length === 2);
    assert.deepEqual(live.data, ["live", "stored"]);
    for (const lastEventID of [start, id]) {
      const late = await subscribe(t, url("a", { lastEventID }));
      assert.equal(late.headers["last-event-id"], lastEventID);
      await late.until(({ data }) => data.length === 1);
      assert.deepEqual(late.data, ["stored"]);
    }
  });

  test("has no id and no key of its publisher", async (t) => {
    const { hub } = await startHub(t);
    for (const fields of [{ id: "urn:1" }, { key: "k" }]) {
      await assert.rejects(hub.publish(draft("a", "", { keep: false, ...fields })), { code: "ERR_UPDATE" });
    }
    for (const fields of [{ keep: "no" }, { key: "" }, { key: 1 }]) {
      await assert.rejects(hub.publish(draft("a", "", fields as object)), { code: "ERR_UPDATE" });
    }
  });
});

test("an update with a key replaces the older one for streams that resume", async (t) => {
  const { hub, url } = await startHub(t);
  const start = hub.lastEventId;
  for (const data of ["1", "2", "3"]) await hub.publish(draft("count", data, { key: "n" }));
  await hub.publish(draft("count", "end"));
  const late = await subscribe(t, url("count", { lastEventID: start }));
  assert.equal(late.headers["last-event-id"], start);
  await late.until(({ data }) => data.includes("end"));
  assert.deepEqual(late.data, ["3", "end"]);
});

describe("keep and key", () => {
  test("travel over HTTP, to this hub and from the publisher of another process", async (t) => {
    const { hub, origin, url } = await startHub(t, { allowPublish: true });
    const jwt = await token({ publish: ["*"] }, {}, publisherKey);
    const start = hub.lastEventId;
    const hubUrl = origin + hub.path;
    await publishToRemoteHub(hubUrl, jwt, draft("a", "live", { keep: false }));
    for (const data of ["1", "2"]) await publishToRemoteHub(hubUrl, jwt, draft("a", data, { key: "k" }));
    const late = await subscribe(t, url("a", { lastEventID: start }));
    await late.until(({ data }) => data.length === 1);
    assert.deepEqual(late.data, ["2"]);
    const refused = await fetch(hubUrl, {
      method: "POST",
      headers: { Authorization: `Bearer ${jwt}` },
      body: new URLSearchParams({ topic: "a", keep: "maybe" }),
    });
    assert.equal(refused.status, 400);
    assert.match(await refused.text(), /field keep must be true or false/);
  });

  test("are options of sse.publish", async (t) => {
    const { kit } = application(t);
    const { sse } = kit;
    const lastEventId = kit.hub.lastEventId;
    await sse.publish("a", "live", { keep: false });
    await sse.publish("a", "1", { key: "k" });
    await sse.publish("a", "2", { key: "k" });
    const updates = sse.updates("a", { lastEventId });
    assert.equal((await updates.next()).value.data, "2");
    await updates.return?.();
    await assert.rejects(sse.publish("a", "", { keep: false, id: "urn:1" }), { code: "ERR_UPDATE" });
  });
});
