// No line of htmx: this file tests the EventSource of the browser itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { Browser } from "playwright-core";
import { anyCharacter } from "../support/any-character.js";
import { application } from "../support/application.js";
import { launchChromium, newWatchedPage } from "./chromium.js";

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

/** Text of the characters that an EventSource parser treats specially, lone surrogates included. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom("\r", "\n", "\r\n", "\ufeff", "\0", " ", ":", "data: ", "\nid: 1", "\n\n", "\ud800", "<p>", "é"),
      fc.string({ unit: anyCharacter }),
    ),
  )
  .map((parts) => parts.join(""));

test("any data reaches a browser's own EventSource as the HTML standard says", async (t) => {
  const { app, kit, listen } = application(t, {}, { hub: { reconciliationLength: 1000 } });
  app.get(
    "/",
    (_req, res) =>
      void res.type("html").send(`<!doctype html><title>EventSource</title><link rel="icon" href="data:,">`),
  );
  const origin = await listen();
  const { page, errors } = await newWatchedPage(browser);
  await page.goto(origin);

  const texts = fc.sample(anyText, 500);
  const begin = kit.hub.lastEventId;
  const replayed = texts.slice(0, 250);
  for (const text of replayed) await kit.sse.publish("t", text);
  const url = `/.well-known/mercure?topic=t&lastEventID=${encodeURIComponent(begin)}`;
  const received = page.evaluate(
    ({ url, count }) =>
      new Promise<string[]>((resolve) => {
        const data: string[] = [];
        const source = new EventSource(url);
        source.onmessage = (event) => {
          data.push(event.data);
          if (data.length === count) resolve(data);
        };
      }),
    { url, count: texts.length },
  );
  for (const text of texts.slice(250)) await kit.sse.publish("t", text);
  assert.deepEqual(
    await received,
    texts.map((text) => text.replace(/\r\n?/g, "\n").toWellFormed()),
  );
  assert.deepEqual(errors, []);
});
