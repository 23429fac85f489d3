import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MercureError } from "../../src/shared/errors.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { Deaf, Distant, draft, publisherKey, startHub, subscribe, token, turn } from "./fixture.js";

describe("a hub whose transport is not ready", () => {
  // A node that has not read the control messages yet accepts a revoked token.
  test("refuses streams and updates with 503, and serves them once it is", async (t) => {
    const transport = new Distant();
    const { hub, url, origin } = await startHub(t, { transport, allowPublish: true });
    const publish = async () =>
      fetch(`${origin}${hub.path}`, {
        method: "POST",
        headers: { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}` },
        body: new URLSearchParams({ topic: "a", data: "1" }),
      });
    assert.equal(hub.state, "starting");
    const stream = await subscribe(t, url("a"));
    assert.deepEqual([stream.status, stream.headers["retry-after"]], [503, "2"]);
    const refused = await publish();
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "2"]);
    transport.reach();
    await hub.ready;
    const live = await subscribe(t, url("a"));
    assert.equal(live.status, 200);
    assert.equal((await publish()).status, 200);
    await live.until(({ data }) => data.includes("1"));
  });

  test("keeps its streams while the store is away, and serves new ones", async (t) => {
    const transport = new Distant();
    transport.reach();
    const { hub, url } = await startHub(t, { transport });
    const before = await subscribe(t, url("a"));
    transport.reached = "away";
    const after = await subscribe(t, url("a"));
    assert.equal(after.status, 200);
    await hub.publish(draft("a", "1"));
    for (const stream of [before, after]) await stream.until(({ data }) => data.includes("1"));
  });

  test("answers 503 when the store does not confirm an update", async (t) => {
    class Silent extends MemoryTransport {
      override publish(): Promise<never> {
        return Promise.reject(new MercureError("ERR_TRANSPORT", "The store at 10.0.0.1 did not answer."));
      }
    }
    const { hub, origin, errors } = await startHub(t, {
      transport: new Silent(),
      allowPublish: true,
      subscriptions: false,
    });
    const response = await fetch(`${origin}${hub.path}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}` },
      body: new URLSearchParams({ topic: "a" }),
    });
    assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "2"]);
    assert.doesNotMatch(await response.text(), /10\.0\.0\.1/);
    assert.equal(errors.length, 1);
  });
});

describe("a node that has missed updates", () => {
  test("ends exactly the streams that are behind, and tells their clients when they resume", async (t) => {
    const transport = new Deaf({ historyLength: 5 });
    const { hub, url, origin } = await startHub(t, { transport });
    const all = { Authorization: `Bearer ${await token({ subscribe: ["*"] })}` };
    const publish = (topic: string, data: string) => hub.publish(draft(topic, data));
    await publish("busy", "0");
    await publish("quiet", "0");
    await publish("other", "0");
    const behind = [
      await subscribe(t, url("busy")),
      await subscribe(t, url(["busy", "quiet"])),
      await subscribe(t, `${origin}${hub.path}?topic=b{rest}`, all),
    ];
    const current = [await subscribe(t, url("quiet")), await subscribe(t, url("other"), all)];
    await publish("busy", "1");
    for (const stream of behind) await stream.until(({ data }) => data.includes("1"));
    const [last] = behind[0]!.events.slice(-1);

    transport.isDeaf = true;
    for (let i = 2; i < 20; i++) await publish("busy", `${i}`);
    await publish("quiet", "missed, and in history");
    transport.catchUp();
    for (const stream of behind) {
      if (!stream.ended) await stream.until(({ ended }) => ended).catch(() => {});
      assert.equal(stream.data.at(-1), "1");
    }
    await publish("quiet", "later");
    await publish("other", "later");
    await current[0]!.until(({ data }) => data.includes("later"));
    assert.deepEqual(current[0]!.data, ["missed, and in history", "later"]);
    await current[1]!.until(({ data }) => data.includes("later"));
    assert.deepEqual(current[1]!.data, ["later"]);

    const resumed = await subscribe(t, url("busy", { lastEventID: last!.id! }));
    assert.notEqual(resumed.headers["last-event-id"], last!.id);
    await resumed.until(({ data }) => data.includes("19"));
  });

  test("ends a reader in the process that is behind", async (t) => {
    const transport = new Deaf({ historyLength: 2 });
    const { hub } = await startHub(t, { transport });
    await hub.publish(draft("a", "0"));
    const [behind, current] = [hub.updates("a"), hub.updates("b")];
    const next = [behind.next(), current.next()];
    // The readers reach the end of history before the node misses anything.
    await turn();
    transport.isDeaf = true;
    for (let i = 0; i < 5; i++) await hub.publish(draft("a", `${i}`));
    transport.catchUp();
    await assert.rejects(next[0]!, { code: "ERR_HISTORY_GAP" });
    await hub.publish(draft("b", "later"));
    assert.equal((await next[1]!).value?.data, "later");
  });
});
