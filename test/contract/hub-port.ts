import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { HubPort } from "../../src/publisher/hub/hub-port.js";
import { draft, type RunningHub, startHub, subscribe, subscriberKey, token } from "../hub/fixture.js";
import { until } from "../support/until.js";

/**
 * The contract of every adapter of {@link HubPort}.
 *
 * @param makePort - Makes the adapter for a hub with a server; the suite closes it.
 */
export function hubPortContract(name: string, makePort: (t: TestContext, running: RunningHub) => HubPort): void {
  const start = async (t: TestContext) => {
    const running = await startHub(t, { allowPublish: true });
    const port = makePort(t, running);
    t.after(() => port.close());
    await port.begin(running.origin);
    return { ...running, port };
  };

  describe(name, () => {
    test("publishes an update and resolves to the id that subscribers receive", async (t) => {
      const { port, url } = await start(t);
      const subscriber = await subscribe(t, url("a"));
      const id = await port.publish(draft("a", "hello"));
      await subscriber.until(({ data }) => data.includes("hello"));
      assert.equal(subscriber.events.find(({ data }) => data === "hello")?.id, id);
    });

    test("has a last event id, and a stream after it misses no update", async (t) => {
      const { port, url } = await start(t);
      const { lastEventId } = port;
      await port.publish(draft("a", "later"));
      const subscriber = await subscribe(t, url("a", { lastEventID: lastEventId }));
      await subscriber.until(({ data }) => data.includes("later"));
    });

    test("names the topic of a selector's subscription events", async (t) => {
      const { port, url } = await start(t);
      const topic = port.subscriptionTopic({ text: "a" }, 0);
      const text = typeof topic === "string" ? topic : topic.match;
      const jwt = await token({ subscribe: [text] }, {}, subscriberKey);
      const watcher = await subscribe(t, url(text), { Authorization: `Bearer ${jwt}` });
      await subscribe(t, url("a"));
      await watcher.until(({ data }) => data.some((document) => JSON.parse(document).topic === "a"));
    });

    test("resolves to the active subscriptions of all topics, of named ones, and of one subscriber", async (t) => {
      const { port, url } = await start(t);
      for (const topic of ["a", "a", "b"]) await subscribe(t, url(topic));
      const topicsOf = async (names?: readonly string[], subscriber?: string) =>
        (await port.subscriptions(names, subscriber)).map(({ topic }) => topic).sort();
      await until(async () => (await topicsOf(["a", "b"])).length === 3);
      assert.deepEqual(await topicsOf(["a"]), ["a", "a"]);
      assert.deepEqual(await topicsOf(["a", "b"]), ["a", "a", "b"]);
      const [first] = await port.subscriptions(["a"]);
      assert.deepEqual(await topicsOf(undefined, first?.subscriber), ["a"]);
    });

    test("offers functions that need the hub in this process, or names the alternative", async (t) => {
      const { port } = await start(t);
      const calls = [
        () => port.listSubscriptions(undefined),
        () => port.updates(["a"], {}),
        () => port.streamer(),
        () => port.disconnect({ topic: "a" }),
      ];
      for (const call of calls) {
        const outcome = (async () => void (await call()))();
        if (port.isInProcess) await outcome;
        else await assert.rejects(outcome, { code: "ERR_EXTERNAL_HUB" });
      }
    });

    test("rejects updates after it was closed", async (t) => {
      const { port } = await start(t);
      await port.close();
      await assert.rejects(port.publish(draft("a", "late")), { code: "ERR_CLOSED" });
    });
  });
}
