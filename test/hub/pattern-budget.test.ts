import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PatternBudget } from "../../src/hub/pattern-budget.js";
import { compileSelector } from "../../src/protocol/matcher.js";
import { startHub, subscribe, token, until } from "./fixture.js";

describe("the memory for patterns", () => {
  // A stranger opens streams for ever new patterns: each is small, all together fill the memory and stall every update.
  test("has room for equal ones, and refuses different ones that would be too many", async (t) => {
    const { hub, url } = await startHub(t, { patternMemory: 100_000 });
    const statuses: number[] = [];
    for (let i = 0; i < 20; i++) statuses.push((await subscribe(t, url(`/a/${i}/{id}`))).status);
    assert.equal(statuses[0], 200);
    assert.equal(statuses.at(-1), 429);
    const open = hub.connections;
    assert.ok(open < 20);
    for (let i = 0; i < 20; i++) assert.equal((await subscribe(t, url("/a/0/{id}"))).status, 200);
    assert.equal((await subscribe(t, url(["a", "*"]))).status, 200);
    const refused = await subscribe(t, url("/b/{id}"));
    assert.ok(Number(refused.headers["retry-after"]) > 0);
  });

  test("is given back when a stream ends", async (t) => {
    const { hub, url } = await startHub(t, { patternMemory: 30_000 });
    for (let i = 0; i < 10; i++) {
      const subscriber = await subscribe(t, url(`/c/${i}/{id}`));
      assert.equal(subscriber.status, 200);
      subscriber.close();
      await until(() => hub.connections === 0);
    }
    assert.equal((await subscribe(t, url("/c/0/{id}"), {}, "HEAD")).status, 200);
    assert.equal((await subscribe(t, url("/c/1/{id}"))).status, 200);
  });

  test("counts those that tokens grant", async (t) => {
    const { url } = await startHub(t, { patternMemory: 30_000 });
    const authorization = await token({ subscribe: Array.from({ length: 5 }, (_, i) => `/d/${i}/{id}`) });
    assert.equal((await subscribe(t, url("a", { authorization }))).status, 429);
    assert.equal((await subscribe(t, url("a"))).status, 200);
  });

  test("is taken by equal ones once", () => {
    const budget = new PatternBudget(1e6);
    const [a, b, all] = [compileSelector("/a/{x}"), compileSelector("/b/{x}"), compileSelector("*")];
    budget.enter([a, b, all]);
    const both = budget.bytes;
    budget.enter([a, a]);
    assert.equal(budget.bytes, both);
    budget.leave([a, a]);
    assert.equal(budget.bytes, both);
    budget.leave([a, b, all]);
    assert.equal(budget.bytes, 0);
  });
});
