import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, type TestContext, test } from "node:test";
import type { MercureOptions } from "../../src/index.js";
import { application } from "../support/application.js";
import { htmxLines } from "../support/depth.js";
import {
  referenceIdentity as identity,
  type ReferenceHub,
  referenceHub,
  withoutReferenceHub,
  withoutReferenceHub1,
} from "../support/reference-hub.js";
import { forward } from "../support/reverse-proxy.js";
import { launchChromium, newWatchedPage } from "./chromium.js";

const require = createRequire(import.meta.url);
const stockScripts = ["htmx.org/dist/htmx.min.js", "htmx-ext-sse/dist/sse.min.js"].map((name) => {
  return readFileSync(require.resolve(name), "utf8");
});

const files = {
  "templates/index.njk":
    '<!doctype html><head>{{ mercure_scripts() }}</head><body><% MercureStream topic="messages" private tag="ul" %>' +
    "<% Item id=0 %><% endMercureStream %></body>",
  "templates/stock.njk":
    '<!doctype html><head><script src="/0.js"></script><script src="/1.js"></script></head><body>' +
    '<% MercureStream topic="messages" tag="ul" %><% Item id=0 %><% endMercureStream %></body>',
  "components/Item.njk": '<li id="item-{{ id }}">{{ id }}</li>',
};

/** A browser, and an application that proxies the library's hub path to another hub; both close after the test. */
async function start(t: TestContext, hub: ReferenceHub, options: MercureOptions) {
  const publicHubUrl = "/.well-known/mercure";
  const { app, kit, listen } = application(t, files, { hubUrl: hub.url, publicHubUrl, ...options });
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  for (const page of ["index", "stock"]) app.get(`/${page}`, (_req, res) => res.render(page));
  for (const [index, script] of stockScripts.entries())
    app.get(`/${index}.js`, (_req, res) => void res.type("js").send(script));
  app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
  const tokensInUrls: string[] = [];
  app.get(publicHubUrl, async (req, res) => {
    if (/eyJ/.test(req.originalUrl)) tokensInUrls.push(req.originalUrl);
    await gate;
    forward(hub.url + new URL(req.originalUrl, hub.url).search, req, res);
  });
  const origin = await listen();
  const browser = await launchChromium();
  t.after(() => browser.close());
  const { page, errors } = await newWatchedPage(browser);
  const publish = (id: number, isPrivate: boolean) => {
    return kit.sse.publish("messages", kit.render("Item", { id }), { private: isPrivate });
  };
  const shown = () => page.locator("li").allTextContents();
  return { origin, page, errors, open, publish, shown, tokensInUrls };
}

const references = [
  { name: "0.x", version: 0, options: {}, skip: withoutReferenceHub },
  { name: "1.0", version: 1, options: { protocol: 1, tokenMode: "url", ...identity }, skip: withoutReferenceHub1 },
] as const;
for (const { name, version, options, skip } of references) {
  describe(`a page with the reference hub of ${name}, behind the library's own hub path`, {
    skip,
  }, () => {
    for (const htmx of htmxLines)
      test(`shows each private message once on htmx ${htmx}, through a late connection and a restart of the hub`, async (t) => {
        const hub = await referenceHub(t, { version });
        const { origin, page, errors, open, publish, shown, tokensInUrls } = await start(t, hub, { ...options, htmx });
        await page.goto(`${origin}/index`);
        await publish(1, true);
        await publish(2, true);
        open();
        await page.locator("#item-2").waitFor();
        await publish(3, true);
        await page.locator("#item-3").waitFor();
        assert.deepEqual(await shown(), ["0", "1", "2", "3"]);

        // The hub can lose its history, and the page shows no earlier messages.
        await page.evaluate("addEventListener('mercure:gap', (event) => event.preventDefault())");
        await hub.kill();
        const publishing = publish(4, true);
        await hub.start();
        await publishing;
        await page.locator("#item-4").waitFor();
        await publish(5, true);
        await page.locator("#item-5").waitFor();
        assert.deepEqual(await shown(), ["0", "1", "2", "3", "4", "5"]);
        assert.deepEqual(tokensInUrls, []);
        // The browser and the library's script log that the hub was away.
        assert.deepEqual(
          errors.filter((error) => !/net::ERR_|status of 502|reconnects in/.test(error)),
          [],
        );
      });

    test("shows public messages by the stock scripts alone", async (t) => {
      const hub = await referenceHub(t, { version });
      const { origin, page, open, publish, shown } = await start(t, hub, options);
      await page.goto(`${origin}/stock`);
      await publish(1, false);
      open();
      await page.locator("#item-1").waitFor();
      await publish(2, false);
      await page.locator("#item-2").waitFor();
      assert.deepEqual(await shown(), ["0", "1", "2"]);
    });
  });
}
