import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { application } from "../support/application.js";
import { htmxLines } from "../support/depth.js";
import { launchChromium } from "./chromium.js";

// A stranger's markup contains a `<base>`: streams, with their tokens, would go to that server.
for (const line of htmxLines)
  test(`a base element of another origin moves no stream on htmx ${line}`, async (t) => {
    const asked: string[] = [];
    const stranger = createServer((req, res) => {
      asked.push(`${req.url}`);
      res.end();
    }).listen(0, "127.0.0.1");
    t.after(() => void stranger.close());
    await new Promise((resolve) => stranger.once("listening", resolve));
    const base = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
    const page = `<!doctype html><title>x</title>{{ mercure_scripts(htmx=${line}) }}<base href="${base}">
    <% MercureStream topic="a" private id="feed" %><% endMercureStream %>`;
    const { app, kit, listen } = application(t, { "templates/page.njk": page });
    app.get("/", (_req, res) => res.render("page.njk"));
    const origin = await listen();
    const browser = await launchChromium();
    t.after(() => browser.close());
    const visit = await browser.newPage();
    await visit.goto(origin);
    await kit.sse.publish("a", '<p id="news">secret</p>', { private: true });
    await visit.waitForSelector("#news");
    assert.deepEqual(
      asked.filter((url) => url.includes("mercure")),
      [],
    );
  });
