import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { application } from "../support/application.js";
import { htmxLines } from "../support/depth.js";
import { launchChromium, newWatchedPage } from "./chromium.js";
import { eventually } from "./client-fixture.js";

const require = createRequire(import.meta.url);
const items = Array.from({ length: 60 }, (_, index) => `<p>${index}</p>`).join("");
const files = {
  "templates/feed.njk": `<!doctype html><title>x</title>{{ mercure_scripts(nonce="n", htmx=line) }}
    <% MercureStream topic="a" auto_scroll id="feed" %>${items}<% endMercureStream %>`,
  "templates/plain.njk": `<!doctype html><title>x</title>{{ mercure_scripts(nonce="n", htmx=line) }}
    <% MercureStream topic="a" id="feed" %><% endMercureStream %>`,
  "templates/reader.njk": `<!doctype html><title>x</title>{{ mercure_scripts(htmx=line) }}
    <% MercureStream topic="a" id="feed" %>{{ item | safe }}<% endMercureStream %><button id="elsewhere">x</button>`,
  "templates/two.njk": `<!doctype html><title>x</title>{{ mercure_scripts(htmx=line) }}<script defer src="/htmx.js"></script>`,
  "templates/other.njk": `<!doctype html><title>x</title>{{ mercure_scripts(htmx=line) }}
    <div {{ "hx-sse:connect" if line == 2 else "sse-connect" }}="/x"></div>`,
  "templates/form.njk": `<!doctype html><title>x</title>{{ mercure_scripts(htmx=line) }}
    <% MercureStream topic="a" id="feed" %><% endMercureStream %>
    <% for item in ["same", "id", "other"] %>
    <button hx-post="/{{ item }}" hx-target="#feed" hx-swap="beforeend">{{ item }}</button>
    <% endfor %>`,
};

let browser: Browser;

before(async () => {
  browser = await launchChromium();
});

after(() => browser.close());

/** Holds back the script `ui.js`. Returns the function that lets it pass. */
async function holdUi(page: Page): Promise<() => void> {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/\/ui-/, async (route) => {
    await held;
    await route.continue();
  });
  return release;
}

for (const line of htmxLines) {
  describe(`the scripts of mercure_scripts() on htmx ${line}`, () => {
    test("include the one for scrolling only where a page scrolls, even under a policy of nonces", async (t) => {
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

    test("keep the place of a reader who scrolled up before the script for scrolling loads", async (t) => {
      const { app, kit, listen } = application(t, files);
      app.get("/", (_req, res) => res.render("feed", { line }));
      const origin = await listen();
      const { page } = await newWatchedPage(browser);
      t.after(() => page.context().close());
      const release = await holdUi(page);
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

    test("keep what a reader opens and types before the script for that loads, and nothing else", async (t) => {
      const { app, kit, listen } = application(t, files);
      const item = (text: string, attribute = "") =>
        `<div id="item"><b>${text}</b><details class="own"><summary>more</summary>text</details>
        <details class="open" ${attribute}><summary>open</summary>text</details><input name="note"></div>`;
      app.get("/", (_req, res) => res.render("reader", { line, item: item("old", "open") }));
      const origin = await listen();
      const { page } = await newWatchedPage(browser);
      t.after(() => page.context().close());
      const release = await holdUi(page);
      await page.goto(origin);
      await page.waitForSelector("#feed[data-mercure-state=open]");
      await page.click(".own summary");
      await page.fill("[name=note]", "my words");
      await page.focus("#elsewhere");
      const loaded = page.waitForResponse(/\/ui-/);
      release();
      // The page has executed the script when it can be imported once more.
      await page.evaluate(`import("${(await loaded).url()}").then(() => {})`);
      await eventually(async () => {
        await kit.sse.publish("a", item("new"));
        await page.waitForSelector("#item b:text('new')");
        const state = "['.own', '.open'].map((each) => document.querySelector(each).open)";
        assert.deepEqual(await page.evaluate(state), [true, false]);
        assert.equal(await page.inputValue("[name=note]"), "my words");
      });
    });

    for (const shareConnections of [true, false]) {
      const how = shareConnections ? "a shared connection" : "a connection of its own";
      test(`hold a message of ${how} back while the script for drafts loads, for max 2 seconds`, async (t) => {
        const { app, kit, listen } = application(t, files, { shareConnections });
        const item = (text: string) => `<div id="item"><b>${text}</b><input name="note"></div>`;
        app.get("/", (_req, res) => res.render("reader", { line, item: item("old") }));
        const origin = await listen();
        /** Publishes while the page loads the script, and resolves when the message has arrived. */
        const publishEarly = async (text: string) => {
          const { page } = await newWatchedPage(browser);
          t.after(() => page.context().close());
          await page.clock.install();
          const release = await holdUi(page);
          await page.goto(origin);
          await page.waitForSelector("#feed[data-mercure-state=open]");
          await page.clock.pauseAt(Date.now() + 10_000);
          await page.fill("[name=note]", "my words");
          await page.evaluate("document.getElementById('elsewhere').focus()");
          const session = await page.context().newCDPSession(page);
          await session.send("Network.enable");
          const arrived = new Promise((resolve) => session.once("Network.dataReceived", resolve));
          await kit.sse.publish("a", item(text));
          await arrived;
          return { page, release };
        };
        const { page, release } = await publishEarly("new");
        const loaded = page.waitForResponse(/\/ui-/);
        release();
        await page.evaluate(`import("${(await loaded).url()}").then(() => {})`);
        await page.clock.resume();
        await page.waitForSelector("#item b:text('new')");
        assert.equal(await page.inputValue("[name=note]"), "my words");
        const { page: waiting } = await publishEarly("newer");
        assert.equal(await waiting.locator("#item b").textContent(), "old");
        await waiting.clock.runFor(2_000);
        await waiting.clock.resume();
        await waiting.waitForSelector("#item b:text('newer')");
      });
    }

    test("say in development that an answer and a stream both contain an item, once and only if it has no id", async (t) => {
      const { app, kit, listen } = application(t, files);
      app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
      app.get("/", (_req, res) => res.render("form", { line }));
      const items = { same: "<p>same</p>", id: '<p id="a">id</p>', other: "<p>other</p>" };
      app.post("/:item", (req, res) => {
        res.send(req.params.item === "other" ? "<p>answer</p>" : items[req.params.item as "same" | "id"]);
      });
      const { page, said } = await visit(t, await listen());
      for (const [item, answered, streamed] of [
        ["other", 1, 2],
        ["id", 1, 1],
        ["same", 1, 2],
        ["same", 3, 4],
      ] as const) {
        const shown = page.locator("#feed > p", { hasText: item === "other" ? /other|answer/ : item });
        await page.getByRole("button", { name: item }).click();
        // htmx itself swaps the answer. An item of the stream replaces an existing one, but an item of the answer does
        // not.
        await eventually(async () => assert.equal(await shown.count(), answered));
        await kit.sse.publish("a", items[item]);
        await eventually(async () => assert.equal(await shown.count(), streamed));
        const isSaid = item === "same";
        await eventually(() =>
          assert.equal(said.filter((text) => /both contain <p>same/.test(text)).length, isSaid ? 1 : 0),
        );
      }
      assert.equal(said.filter((text) => text.includes("both contain")).length, 1);
    });

    test("say in development that the page has two copies of htmx, and nothing about one copy", async (t) => {
      const { app, listen } = application(t, files);
      const copy = readFileSync(require.resolve(line === 2 ? "htmx.org/dist/htmx.min.js" : "htmx4/dist/htmx.min.js"));
      app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
      app.get("/htmx.js", (_req, res) => void res.type("js").send(copy));
      app.get("/:page", (req, res) => res.render(req.params.page, { line }));
      const origin = await listen();
      const two = await visit(t, `${origin}/two`);
      await eventually(() => assert.equal(two.said.filter((text) => text.includes("two copies of htmx")).length, 1));
      const one = await visit(t, `${origin}/plain`);
      await one.page.waitForFunction(
        "performance.getEntriesByType('resource').some(({ name }) => /hints-/.test(name))",
      );
      assert.deepEqual(one.said, []);
    });

    test("say in development that a connection has the markup of the other line", async (t) => {
      const { app, listen } = application(t, files);
      app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
      app.get("/", (_req, res) => res.render("other", { line }));
      const { said } = await visit(t, await listen());
      const pattern = line === 2 ? /ignores hx-sse:connect/ : /ignores sse-connect/;
      await eventually(() => assert.equal(said.filter((text) => pattern.test(text)).length, 1));
    });

    test("hold no hints in production, and the pause of hidden pages that the application sets", async (t) => {
      const { app, listen } = application(t, files, { development: false, pauseHiddenAfter: 60 });
      app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
      app.get("/", (_req, res) => res.render("plain", { line }));
      const { page } = await visit(t, await listen());
      assert.equal(await page.evaluate("mercure.pauseHiddenAfter"), 60);
      assert.equal(await page.locator("script[src*='/hints-']").count(), 0);
    });
  });
}

/** Visits a page, and collects what it writes to the console. */
async function visit(t: TestContext, url: string) {
  const { page } = await newWatchedPage(browser);
  t.after(() => page.context().close());
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  await page.goto(url);
  return { page, said };
}
