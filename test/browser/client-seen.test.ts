import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually, onBothLines, shows } from "./client-fixture.js";
import { openUndriven } from "./plain-chromium.js";

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

    it("opens its stream when the visitor comes, after Chromium has rendered it in advance by speculation rules", async (t) => {
      const { server } = fixture;
      const reports: Record<string, string> = {};
      const script = (body: string) => () => ({ status: 200, headers: { "Content-Type": "text/javascript" }, body });
      server.serve("/report", (_request, { searchParams }) => {
        Object.assign(reports, Object.fromEntries(searchParams));
        return { status: 204 };
      });
      server.serve(
        "/report.js",
        script(`const report = (reports) => fetch("/report?" + new URLSearchParams(reports));
          addEventListener("load", () => report({ prerendering: document.prerendering }));
          document.addEventListener("mercure:state", ({ detail: { state } }) => report({ state }));
          const texts = () => [...document.querySelectorAll("#feed p")].map((item) => item.textContent);
          new MutationObserver(() => report({ texts: texts() })).observe(document, { childList: true, subtree: true });
          document.addEventListener("prerenderingchange", () => report({ isActivated: true }));`),
      );
      let go!: () => void;
      const visit = new Promise<void>((resolve) => {
        go = resolve;
      });
      server.serve("/go", () => visit.then(() => ({ status: 204 })));
      server.serve("/go.js", script('fetch("/go").then(() => location.assign("/"));'));
      const rules = JSON.stringify({ prerender: [{ urls: ["/"], eagerness: "immediate" }] });
      fixture.serve("/", `<script src="/report.js"></script>${stream({ connect })}`);
      server.serve(
        "/start",
        `<!doctype html><title>x</title><script src="/go.js"></script><script type="speculationrules">${rules}</script>`,
      );
      await openUndriven(t, `${server.origin}/start`);
      await eventually(() => assert.equal(reports.prerendering, "true"));
      server.publish("<p>meanwhile</p>");
      assert.equal(server.subscriptions.length, 0);
      go();
      await fixture.connected();
      server.publish("<p>now</p>");
      await eventually(() => assert.equal(reports.texts, "meanwhile,now"));
      assert.deepEqual([reports.isActivated, server.subscriptions.length], ["true", 1]);
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
      // The page has not heard from the hub for so long that it connects again. The clock may jump when it has.
      await fixture.server.when(() => fixture.server.subscriptions.length === 2 && fixture.server.open === 1);
      fixture.server.publish("<p>zeroth</p>");
      await shows(page, "#feed p", ["zeroth"]);
      await page.clock.runFor(50_000);
      fixture.server.publish("<p>first</p>");
      await shows(page, "#feed p", ["zeroth", "first"]);
      const before = fixture.server.subscriptions.length;
      await become("hidden");
      await page.clock.runFor(59_000);
      assert.equal(await page.getAttribute("#feed", "data-mercure-state"), "open");
      await page.clock.runFor(2_000);
      assert.equal(await page.getAttribute("#feed", "data-mercure-state"), "paused");
      await fixture.connected(0);
      fixture.server.publish("<p>meanwhile</p>");

      await become("visible");
      await shows(page, "#feed p", ["zeroth", "first", "meanwhile"]);
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
