import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import type { Replay, ReplayQuery, Transport } from "../../../src/transport/transport.js";
import { draft, type Subscriber, startHub, subscribe, token, until } from "../fixture.js";

const key = "0123456789abcdef0123456789abcdef";
const bearer = (value: string) => ({ Authorization: `Bearer ${value}` });

async function start(t: TestContext, transport: Transport = new MemoryTransport()) {
  const { hub, url } = await startHub(t, { transport });
  const changes: string[] = [];
  hub.onSubscription(({ topic, active }) => changes.push(`${topic} ${active}`));
  const ids = () => hub.subscriptions().map(({ subscriber }) => subscriber);
  const open = (topic: string, headers: Record<string, string> = {}, stream = key) =>
    subscribe(t, url(topic, { stream }), headers);
  return { hub, changes, ids, open };
}

async function ended(stream: Subscriber): Promise<void> {
  if (!stream.ended) await stream.until((s) => s.ended).catch(() => {});
}

describe("the next connection of a stream with a name", () => {
  test("takes the place of the last one: it has the id, and no subscription begins or ends", async (t) => {
    const { hub, changes, ids, open } = await start(t);
    const first = await open("a");
    const [id] = ids();
    await hub.publish(draft("a", "1"));
    await first.until(({ data }) => data.includes("1"));
    const second = await open("a", { "Last-Event-ID": first.events[0]!.id! });
    await ended(first);
    await hub.publish(draft("a", "2"));
    await second.until(({ data }) => data.includes("2"));
    assert.deepEqual([first.data, second.data], [["1"], ["2"]]);
    assert.deepEqual(ids(), [id]);
    assert.equal(hub.connections, 1);
    assert.deepEqual(changes, ["a true"]);
    second.close();
    await until(() => ids().length === 0);
    assert.deepEqual(changes, ["a true", "a false"]);
    assert.equal(hub.connections, 0);
  });

  test("keeps its place when the request before it was late and opens after it", async (t) => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reads = 0;
    class SlowOnce extends MemoryTransport {
      override read(query: ReplayQuery): Replay {
        reads += 1;
        return (reads === 1 ? held.then(() => super.read(query)) : super.read(query)) as unknown as Replay;
      }
    }
    const { hub, ids, open } = await start(t, new SlowOnce());
    const { id } = await hub.publish(draft("a", "1"));
    const late = open("a", { "Last-Event-ID": id });
    await until(() => reads === 1);
    const next = await open("a", { "Last-Event-ID": id });
    const [subscriber] = ids();
    release();
    await ended(await late);
    await hub.publish(draft("a", "2"));
    await next.until(({ data }) => data.includes("2"));
    assert.deepEqual(ids(), [subscriber]);
    assert.equal(hub.connections, 1);
  });

  // Two tabs can ask for a stream at once. The tab that has lost the lead must not end the stream of the other tab.
  test("keeps its place when a tab that led before asks later", async (t) => {
    const { hub, changes, open } = await start(t);
    const next = await open("a", {}, `${key}.10`);
    await ended(await open("a", {}, `${key}.9`));
    await hub.publish(draft("a", "1"));
    await next.until(({ data }) => data.includes("1"));
    await open("a", {}, `${key}.10`);
    await ended(next);
    assert.equal(hub.connections, 1);
    assert.deepEqual(changes, ["a true"]);
  });

  test("counts once for the events of a disconnection", async (t) => {
    const { hub, changes, ids, open } = await start(t);
    const first = await open("a");
    await open("a");
    await ended(first);
    await hub.disconnect({ subscriber: ids()[0]! });
    assert.deepEqual(changes, ["a true", "a false"]);
    assert.equal(hub.connections, 0);
  });

  // Mallory has read the name of Ada's stream in a log, and tries to end her stream or to take its id.
  test("leaves the last one alone when it has another token or another topic", async (t) => {
    const { hub, ids, open } = await start(t);
    const [ada, mallory] = await Promise.all(["ada", "mallory"].map((sub) => token({ subscribe: ["a"] }, { sub })));
    const victim = await open("a", bearer(ada!));
    const [id] = ids();
    const others = [await open("a", bearer(mallory!)), await open("a"), await open("b", bearer(ada!))];
    assert.equal(hub.connections, 4);
    assert.equal(ids().filter((each) => each === id).length, 1);
    await hub.publish(draft("a", "secret", { private: true }));
    await victim.until(({ data }) => data.includes("secret"));
    for (const other of others) other.close();
    await until(() => hub.connections === 1);
    assert.deepEqual(ids(), [id]);
  });

  test("is known by a name of the script's form only, because applications can have such a parameter", async (t) => {
    const { hub, open } = await start(t);
    await open("a", {}, "5");
    await open("a", {}, "5");
    assert.equal(hub.connections, 2);
  });
});
