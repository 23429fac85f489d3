import assert from "node:assert/strict";
import { test } from "node:test";
import { application } from "../support/application.js";
import { referenceHub, withoutReferenceHub } from "../support/reference-hub.js";
import { forward } from "../support/reverse-proxy.js";
import { launchChromium, newWatchedPage } from "./chromium.js";

const files = {
  "templates/index.njk":
    '<!doctype html><head>{{ mercure_scripts() }}</head><body><% MercureStream topic="messages" private tag="ul" %>' +
    "<% Item id=0 %><% endMercureStream %></body>",
  "components/Item.njk": '<li id="item-{{ id }}">{{ id }}</li>',
};

// The hub is the reference one of 0.x, behind the path at which the kit's own would be.
test("a page with a hub elsewhere shows each message once, through a late connection and a restart of the hub", {
  skip: withoutReferenceHub,
}, async (t) => {
  const hub = await referenceHub(t);
  const { app, kit, listen } = application(t, files, { hubUrl: hub.url, publicHubUrl: "/.well-known/mercure" });
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  app.get("/", (_req, res) => res.render("index"));
  app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
  app.get("/.well-known/mercure", async (req, res) => {
    await gate;
    forward(hub.url + new URL(req.originalUrl, origin).search, req, res);
  });
  const origin = await listen();
  const browser = await launchChromium();
  t.after(() => browser.close());
  const { page, errors } = await newWatchedPage(browser);
  const publish = (id: number) => kit.sse.publish("messages", kit.render("Item", { id }), { private: true });
  const shown = () => page.locator("li").allTextContents();

  await page.goto(origin);
  await publish(1);
  await publish(2);
  open();
  await page.locator("#item-2").waitFor();
  await publish(3);
  await page.locator("#item-3").waitFor();
  assert.deepEqual(await shown(), ["0", "1", "2", "3"]);

  await hub.kill();
  const publishing = publish(4);
  await hub.start();
  await publishing;
  await page.locator("#item-4").waitFor();
  await publish(5);
  await page.locator("#item-5").waitFor();
  assert.deepEqual(await shown(), ["0", "1", "2", "3", "4", "5"]);
  // That the hub was away is logged by the browser, and by the kit's script.
  assert.deepEqual(
    errors.filter((error) => !/net::ERR_|status of 502|reconnects in/.test(error)),
    [],
  );
});
