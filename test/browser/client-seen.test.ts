import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const { stream } = fixture;
  const connect = "/hub?topic=messages&lastEventID=start";

  describe("a page that nobody sees", () => {
    it("opens no stream while the browser renders it in advance, and misses nothing", async () => {
      fixture.serve("/", stream({ connect }));
      const page = await fixture.newPage();
      await page.addInitScript("Object.defineProperty(document, 'prerendering', { value: true, configurable: true })");
      await page.goto(`${fixture.server.origin}/`);
      await page.waitForFunction("window.mercure?.streams.length === 1");
      fixture.server.publish("<p>meanwhile</p>");
      assert.equal(fixture.server.subscriptions.length, 0);
      await page.evaluate("delete document.prerendering; document.dispatchEvent(new Event('prerenderingchange'))");
      await shows(page, "#feed p", ["meanwhile"]);
      assert.equal(fixture.server.subscriptions.length, 1);
    });

    it("pauses its streams after the time that the page sets, and resumes from their positions", async () => {
      fixture.serve("/", stream({ connect }));
      const page = await fixture.newPage();
      await page.clock.install({ time: 0 });
      await page.goto(`${fixture.server.origin}/`);
      // A jump of the clock would time out a pending connection.
      await page.waitForSelector("#feed[data-mercure-state=open]", { state: "attached" });
      const become = (state: string) =>
        page.evaluate((value) => {
          Object.defineProperty(document, "visibilityState", { value, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }, state);
      await page.clock.pauseAt(60_000);
      await page.evaluate("mercure.pauseHiddenAfter = 60");

      await become("hidden");
      await page.clock.runFor(20_000);
      await become("visible");
      await page.clock.runFor(50_000);
      fixture.server.publish("<p>first</p>");
      await shows(page, "#feed p", ["first"]);
      const before = fixture.server.subscriptions.length;
      await become("hidden");
      await page.clock.runFor(59_000);
      assert.equal(await page.getAttribute("#feed", "data-mercure-state"), "open");
      await page.clock.runFor(2_000);
      assert.equal(await page.getAttribute("#feed", "data-mercure-state"), "paused");
      await fixture.connected(0);
      fixture.server.publish("<p>meanwhile</p>");

      await become("visible");
      await shows(page, "#feed p", ["first", "meanwhile"]);
      assert.equal(fixture.server.subscriptions.length, before + 1);
    });

    it("keeps its streams by default", async () => {
      fixture.serve("/", stream({ connect }));
      const page = await fixture.newPage();
      await page.goto(`${fixture.server.origin}/`);
      await fixture.connected();
      assert.equal(await page.evaluate("mercure.pauseHiddenAfter"), 0);
    });
  });

  it("opens no connection inside an element that htmx ignores", async () => {
    const ignored = fixture.line === 2 ? "hx-disable" : "hx-ignore";
    const page = await fixture.open(`<div ${ignored}>${stream({ id: "ignored" })}</div>${stream({ connect })}`);
    fixture.server.publish("<p>x</p>");
    await shows(page, "p", ["x"]);
    assert.equal(fixture.server.subscriptions.length, 1);
  });
});
