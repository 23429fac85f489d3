import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { application } from "../support/application.js";
import { launchChromium, newWatchedPage } from "./chromium.js";
import { eventually } from "./client-fixture.js";

const items = Array.from({ length: 60 }, (_, index) => `<p>${index}</p>`).join("");
const files = {
  "templates/feed.njk": `<!doctype html><title>x</title>{{ mercure_scripts(nonce="n", htmx=line) }}
    <% MercureStream topic="a" auto_scroll id="feed" %>${items}<% endMercureStream %>`,
  "templates/plain.njk": `<!doctype html><title>x</title>{{ mercure_scripts(nonce="n", htmx=line) }}
    <% MercureStream topic="a" id="feed" %><% endMercureStream %>`,
};

let browser: Browser;

before(async () => {
  browser = await launchChromium();
});

after(() => browser.close());

for (const line of [2, 4] as const) {
  describe(`the scripts of mercure_scripts() on htmx ${line}`, () => {
    test("include the one for scrolling only where a page scrolls, also under a policy of nonces", async (t) => {
      const { app, kit, listen } = application(t, files);
      app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
      app.get("/:page", (req, res) => {
        res.setHeader("Content-Security-Policy", "script-src 'nonce-n'; object-src 'none'; base-uri 'none'");
        res.render(req.params.page, { line });
      });
      const origin = await listen();
      const { page, errors } = await newWatchedPage(browser);
      t.after(() => page.context().close());
      const loaded: string[] = [];
      page.on("request", (request) => void loaded.push(request.url()));
      const isUiLoaded = () => loaded.some((url) => /\/ui-[\w-]{12}\.js$/.test(url));

      await page.goto(`${origin}/plain`);
      await kit.sse.publish("a", '<p id="one">one</p>');
      await page.waitForSelector("#one");
      assert.equal(isUiLoaded(), false);

      await page.goto(`${origin}/feed`);
      await kit.sse.publish("a", '<p id="two">two</p>');
      await page.waitForSelector("#two");
      await eventually(async () => {
        const left = await page.evaluate(
          "(({ scrollHeight, clientHeight, scrollTop }) => scrollHeight - clientHeight - scrollTop)(feed)",
        );
        assert.ok((left as number) < 2);
      });
      assert.equal(isUiLoaded(), true);
      assert.deepEqual(errors, []);
    });

    test("leave a reader in place who has scrolled up before the script for scrolling comes", async (t) => {
      const { app, kit, listen } = application(t, files);
      app.get("/", (_req, res) => res.render("feed", { line }));
      const origin = await listen();
      const { page } = await newWatchedPage(browser);
      t.after(() => page.context().close());
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      await page.route(/\/ui-/, async (route) => {
        await held;
        await route.continue();
      });
      await page.goto(origin);
      await page.waitForFunction("feed.scrollTop > 100");
      await page.evaluate("feed.scrollTop = 20");
      release();
      await eventually(async () => {
        await kit.sse.publish("a", "<p>new</p>");
        assert.equal(await page.locator(".mercure-more").count(), 1);
      });
      assert.equal(await page.evaluate("feed.scrollTop"), 20);
    });
  });
}
