import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { type ClientFixture, eventually, onBothLines } from "./client-fixture.js";

const interruption = /reconnects in|ended for good|ERR_|status of|htmx:sseError/;
const status = `<p id="status" class="mercure-status" role="status" data-reconnecting="Reconnecting…"
  data-restored="Up to date again" data-ended="Ended." data-reload="Reload"></p>`;

/** Opens a page whose clock the test moves. */
async function open(fixture: ClientFixture, body: string): Promise<Page> {
  fixture.serve("/", body);
  const page = await fixture.newPage();
  await page.clock.install();
  await page.goto(`${fixture.server.origin}/`);
  await fixture.connected();
  await page.locator(".mercure-open").waitFor();
  // Until here the clock has passed by itself, as a browser's clock does.
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1000);
  return page;
}

async function says(page: Page, text: string): Promise<void> {
  await eventually(async () => assert.equal(await page.locator("#status").textContent(), text));
}

onBothLines((fixture) => {
  const { stream } = fixture;

  describe("the status of the page", () => {
    it("says nothing for two seconds of trouble, then that it reconnects, then once that it is up to date", async () => {
      fixture.expectErrors(interruption);
      const page = await open(fixture, status + stream());
      await says(page, "");
      await fixture.server.kill();
      await page.locator(".mercure-offline").waitFor();
      await page.clock.runFor(1500);
      await says(page, "");
      await page.clock.runFor(600);
      await says(page, "Reconnecting…");
      await page.evaluate(`{
      window.said = [];
      new MutationObserver(() => said.push(document.getElementById("status").textContent)).observe(
        document.getElementById("status"), { childList: true });
    }`);
      await fixture.server.start();
      await page.evaluate("mercure.reconnect()");
      await page.locator(".mercure-open").waitFor();
      await page.clock.runFor(1);
      await says(page, "Up to date again");
      await page.clock.runFor(4100);
      await says(page, "");
      assert.deepEqual(await page.evaluate("said"), ["Up to date again", ""]);
    });

    it("says nothing about a short trouble", async () => {
      fixture.expectErrors(interruption);
      const page = await open(fixture, status + stream());
      await fixture.server.kill();
      await page.locator(".mercure-offline").waitFor();
      await page.clock.runFor(1500);
      await fixture.server.start();
      await page.evaluate("mercure.reconnect()");
      await page.locator(".mercure-open").waitFor();
      await page.clock.runFor(10_000);
      await says(page, "");
    });

    it("shows a button that loads the page again when a stream has ended for good", async () => {
      fixture.expectErrors(interruption);
      const page = await open(fixture, status + stream());
      fixture.server.refuse({ status: 410 });
      fixture.server.cut();
      await page.locator(".mercure-offline").waitFor();
      await page.evaluate("mercure.reconnect()");
      await page.locator(".mercure-ended").waitFor();
      await page.clock.runFor(2100);
      await says(page, "Ended. Reload");
      await page.evaluate("window.isOld = true");
      await page.getByRole("button", { name: "Reload" }).click();
      await fixture.connected();
      assert.equal(await page.evaluate("window.isOld"), undefined);
      await says(page, "");
    });

    it("stands beside a stream that looks gray once it has ended for good", async () => {
      fixture.expectErrors(interruption);
      const page = await open(fixture, stream());
      const look = () => page.evaluate("getComputedStyle(feed).filter");
      assert.equal(await look(), "none");
      fixture.server.refuse({ status: 410 });
      fixture.server.cut();
      await page.locator(".mercure-offline").waitFor();
      await page.evaluate("mercure.reconnect()");
      await page.locator(".mercure-ended").waitFor();
      assert.equal(await look(), "grayscale(1)");
    });

    it("speaks in an element that comes later, and falls silent when the stream leaves the page", async () => {
      fixture.expectErrors(interruption);
      const page = await open(fixture, stream());
      await fixture.server.kill();
      await page.locator(".mercure-offline").waitFor();
      await page.clock.runFor(2100);
      await page.evaluate((html) => document.body.insertAdjacentHTML("beforeend", html), status);
      // The page loads the script that speaks, which then waits as long as for a trouble that begins.
      await eventually(async () => {
        await page.clock.runFor(500);
        assert.equal(await page.locator("#status").textContent(), "Reconnecting…");
      });
      await page.evaluate("feed.remove()");
      await page.clock.runFor(1);
      await says(page, "");
    });
  });
});
