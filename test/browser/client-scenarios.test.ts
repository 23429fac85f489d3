import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { onBothLines } from "./client-fixture.js";
import { FaultProxy } from "./fault-proxy.js";
import { Scenario } from "./scenario.js";

/**
 * The seed of the first scenario, and the number of scenarios on each line. `SCENARIOS=200` runs the whole set,
 * `SCENARIOS=50 SCENARIO_SEED=101` a part of it, and `SCENARIO_SEED=7` one. The items of even seeds have ids.
 */
const { SCENARIO_SEED: seed, SCENARIOS: number = seed ? "1" : "10" } = process.env;
const first = Number(seed ?? 1);
const count = Number(number);
const seeds = Array.from({ length: count }, (_, index) => first + index);

onBothLines((fixture) => {
  describe("a stream under random disturbances", () => {
    it(`shows each message once and in order, ${count} times`, async (t) => {
      // Each scenario breaks connections, and the browser and both extensions report that.
      fixture.expectErrors(/./);
      const { server } = fixture;
      server.headers = { "Mercure-Keep-Alive": "2" };
      server.preamble = "";
      const proxy = await new FaultProxy(() => Number(new URL(server.origin).port)).start();
      t.after(() => proxy.close());
      fixture.serve("/", '<div id="place"></div>');
      const page = await fixture.newPage();
      await page.clock.install({ time: 0 });
      await page.goto(`${proxy.origin}/`);
      await page.waitForFunction("window.mercure !== undefined");
      const render = (content: string) =>
        fixture.stream({ connect: `/hub?topic=messages&lastEventID=${server.lastEventId}`, content });
      let messages = 0;
      for (const seed of seeds) {
        const scenario = new Scenario({ page, server, proxy, render }, seed);
        await scenario.run();
        const shown = () => page.locator("#feed p").allTextContents();
        const last = scenario.expected.at(-1)!;
        for (const end = Date.now() + 60_000; !(await shown()).includes(last) && Date.now() < end; ) {
          await page.clock.runFor(1_000);
        }
        await page.clock.runFor(1_000);
        assert.deepEqual(await shown(), scenario.expected, `seed ${seed}: ${scenario.steps.join(", ")}`);
        t.diagnostic(`seed ${seed}: ${scenario.expected.length} messages, ${scenario.steps.join(", ")}`);
        messages += scenario.expected.length;
        await page.evaluate("place.replaceChildren()");
        proxy.cut();
      }
      t.diagnostic(`${count} scenarios from seed ${first}, ${messages} messages`);
    });
  });
});
