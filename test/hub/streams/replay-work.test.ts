import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { stepsPerTurn } from "../../../src/hub/pacer.js";
import { work } from "../../../src/protocol/matching/work.js";
import { draft, startHub, subscribe, token } from "../fixture.js";
import { watchTurns } from "../work.js";

/** Patterns without a literal that rules out a topic. */
const patterns = (count: number) => Array.from({ length: count }, (_, i) => `{+a}-${i.toString(36)}-{+b}`);

describe("a replay by many patterns", () => {
  // An anonymous request for all history by 100 patterns blocks every other client for seconds.
  test("yields the event loop between chunks of bounded work", async (t) => {
    const { hub, url } = await startHub(t);
    for (let i = 0; i < 1500; i++) await hub.publish(draft(`orders/${i}`, `${i}`));
    const asked = url([...patterns(100), "end"], { lastEventID: "earliest" });
    const stream = await subscribe(t, asked);
    const seen = watchTurns(t);
    await hub.publish(draft("end", "end"));
    await stream.until(({ data }) => data.includes("end"));
    assert.ok(seen.busy >= 30, `${seen.busy} turns`);
    assert.ok(seen.most <= 3 * stepsPerTurn, `${seen.most} steps in one turn`);
    assert.deepEqual(stream.data, ["end"]);
  });

  test("brings each match once and in order, though it reads in chunks", async (t) => {
    const { hub, url } = await startHub(t);
    for (let i = 0; i < 600; i++) await hub.publish(draft(`orders/-${(i % 40).toString(36)}-/${i}`, `${i}`));
    const stream = await subscribe(t, url([...patterns(30), "end"], { lastEventID: "earliest" }));
    await hub.publish(draft("end", "end"));
    await stream.until(({ data }) => data.includes("end"));
    const expected = Array.from({ length: 600 }, (_, i) => i).filter((i) => i % 40 < 30);
    assert.deepEqual(stream.data, [...expected.map(String), "end"]);
  });

  // The history is full of other users' private updates.
  test("checks the grant first: others' private updates are matched against no pattern", async (t) => {
    const { hub, url } = await startHub(t);
    for (let i = 0; i < 500; i++) await hub.publish(draft(`orders/${i}`, `${i}`, { private: true }));
    await hub.publish(draft("public", "public"));
    const authorization = await token({ subscribe: ["own"] });
    for (const parameters of [{}, { authorization }] as Record<string, string>[]) {
      const before = work.steps;
      const stream = await subscribe(t, url(["public", "{+a}Z{+b}"], { ...parameters, lastEventID: "earliest" }));
      await stream.until(({ data }) => data.includes("public"));
      assert.ok(work.steps - before < 10_000, `${work.steps - before} steps`);
    }
  });
});
