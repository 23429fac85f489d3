import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, type TestContext, test } from "node:test";
import express from "express";
import type { Browser, Page } from "playwright-core";
import { type MercureOptions, mercure } from "../../src/index.js";
import { htmxLines } from "../support/depth.js";
import { until } from "../support/until.js";
import { launchChromium, newWatchedPage, type WatchedPage } from "./chromium.js";

const secret = "0123456789abcdef0123456789abcdef";

let browser: Browser;
let visits: WatchedPage[] = [];

before(async () => {
  browser = await launchChromium();
});

after(() => browser.close());

afterEach(async () => {
  const errors = visits.flatMap((visit) => visit.errors);
  for (const { page } of visits) await page.context().close();
  visits = [];
  assert.deepEqual(errors, [], "errors in a page's console");
});

/** A page that shows its current visitors. */
async function start(t: TestContext, body: string, options: MercureOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const app = express();
  const kit = mercure(app, {
    templates: folder,
    components: folder,
    secret,
    payloadGetter: (_topics, request) => ({ user: request?.query.user }),
    presenceKey: "user",
    presenceGrace: 0,
    logger: { warn: () => {}, error: (...report) => assert.fail(report.map(String).join(" ")) },
    ...options,
  });
  t.after(() => kit.close());
  const users = async () => {
    const subscriptions = await kit.sse.getSubscriptions("room");
    return subscriptions.map(({ payload }) => (payload as { user: string }).user).sort();
  };
  app.use((_req, res, next) => {
    res.setHeader("Content-Security-Policy", "default-src 'self'");
    next();
  });
  const fetches: string[] = [];
  app.get("/who", async (_req, res) => void res.send(`<b>${(await users()).join(" ")}</b>`));
  app.get("/people", (req, res) => {
    fetches.push(new URL(req.get("HX-Current-URL")!).searchParams.get("user")!);
    const names = kit.sse.presence("room").map(({ key }) => key);
    res.send(`<b>${names.join(" ")}</b>`);
  });
  app.get("/favicon.ico", (_req, res) => void res.status(204).end());
  app.get("/", (_req, res) => {
    res.send(kit.environment.renderString(`<!doctype html><title>x</title>{{ mercure_scripts() }}${body}`, {}));
  });
  const server = app.listen(0, "127.0.0.1");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = (user: string) => `${origin}/?user=${user}`;
  return {
    kit,
    url,
    /** The visitors who fetched the list of people. */
    fetches,
    async visit(user: string) {
      const visit = await newWatchedPage(browser);
      visits.push(visit);
      await visit.page.goto(url(user));
      return visit.page;
    },
  };
}

async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector, { hasText: new RegExp(`^${text}$`) }).waitFor({ state: "attached" });
}

for (const htmx of htmxLines) {
  describe(`MercurePresence, on htmx ${htmx}`, () => {
    test("fetches its content again whenever a person joins or leaves", async (t) => {
      const { visit } = await start(
        t,
        '<% MercureStream topic="room" private %><% MercurePresence topic="room" hx_get="/who" id="who" %>',
        { htmx },
      );
      const ada = await visit("ada");
      await shows(ada, "#who", "ada");
      const grace = await visit("grace");
      for (const page of [ada, grace]) await shows(page, "#who", "ada grace");
      await grace.goto("about:blank");
      await shows(ada, "#who", "ada");
    });
  });

  describe(`MercurePresence in a context, on htmx ${htmx}`, () => {
    const body =
      '<% MercureStreamContext topic="room" private with_presence %><% MercureStream type="message" id="feed" %>' +
      '<% MercurePresence hx_get="/people" hx_trigger="load" id="people" %><% endMercureStreamContext %>';

    test("counts three windows of one person as one, and pages fetch again only for another person", async (t) => {
      const { kit, visit, url, fetches } = await start(t, body, { htmx });
      const grace = await visit("grace");
      await shows(grace, "#people", "grace");
      const ada = await visit("ada");
      for (const page of [ada, grace]) await shows(page, "#people", "grace ada");
      fetches.length = 0;
      for (const window of [await ada.context().newPage(), await ada.context().newPage()])
        await window.goto(url("ada"));
      await until(() => kit.sse.presence("room")[1]!.connections === 3);
      assert.equal(kit.sse.presence("room").length, 2);
      await visit("alan");
      await shows(grace, "#people", "grace ada alan");
      assert.equal(fetches.filter((user) => user === "grace").length, 1, "for Alan");
    });

    test("ignores a reload; a person who closes the page is gone after the grace period", async (t) => {
      const { kit, visit, fetches } = await start(t, body, { htmx, presenceGrace: 3 });
      const grace = await visit("grace");
      const ada = await visit("ada");
      await shows(grace, "#people", "grace ada");
      fetches.length = 0;
      for (let i = 0; i < 2; i++) {
        await ada.reload();
        await shows(ada, "#people", "grace ada");
      }
      await kit.sse.publish("room", "<i>hello</i>", { private: true });
      for (const page of [ada, grace]) await shows(page, "#feed", "hello");
      assert.deepEqual([...new Set(fetches)], ["ada"], "for the content of her new pages");
      await ada.goto("about:blank");
      await shows(grace, "#people", "grace");
      assert.equal(fetches.filter((user) => user === "grace").length, 1);
    });
  });

  describe(`a stream with_subscriptions, on htmx ${htmx}`, () => {
    test("swaps in published updates; subscription events only fire triggers", async (t) => {
      const { kit, visit } = await start(
        t,
        '<% MercureStreamContext topic="room" with_subscriptions %><% MercureStream type="message" id="feed" %>' +
          '<p id="who" hx-get="/who" hx-trigger="sse:message"></p><% endMercureStreamContext %>',
        { htmx },
      );
      const ada = await visit("ada");
      await shows(ada, "#who", "ada");
      await visit("grace");
      await shows(ada, "#who", "ada grace");
      await kit.sse.publish("room", "<i>hello</i>");
      await shows(ada, "#feed", "hello");
      // htmx marks a new element with a class for a moment.
      await until(async () => (await ada.locator("#feed").innerHTML()) === "<i>hello</i>");
    });
  });
}
