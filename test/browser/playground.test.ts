// No line of htmx: the page comes from the reference hub.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { build } from "esbuild";
import { SignJWT } from "jose";
import { Hub } from "../../src/hub/index.js";
import { detailType } from "../../src/protocol/tokens/authorization-details.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { secret } from "../support/application.js";
import { listening } from "../support/listening.js";
import { referenceHub, withoutReferenceHub1 } from "../support/reference-hub.js";
import { launchChromium, newWatchedPage } from "./chromium.js";

const issuer = "https://issuer.invalid";
const resource = "https://hub.invalid/.well-known/mercure";

/** The page loads this module from another host, which a test does not contact. */
async function eventSourceModule(): Promise<string> {
  const stdin = { contents: 'export { fetchEventSource } from "@microsoft/fetch-event-source"', resolveDir: "." };
  const { outputFiles } = await build({ stdin, bundle: true, format: "esm", write: false });
  return outputFiles[0]!.text;
}

/** Our hub, and beside it a resource that links to it. */
async function startHub(t: { after(work: () => Promise<void>): void }, corsOrigin: string) {
  const hub = new Hub({
    transport: new MemoryTransport(),
    subscriberKey: secret,
    publisherKey: secret,
    allowPublish: true,
    corsOrigins: [corsOrigin],
    issuer,
    resource,
  });
  const server = createServer((req, res) => {
    if (!req.url!.startsWith("/books/")) return hub.handle(req, res);
    res.setHeader("Access-Control-Allow-Origin", corsOrigin);
    res.setHeader("Access-Control-Expose-Headers", "Link");
    res.setHeader("Link", `<${hub.path}>; rel="mercure"`);
    res.end("a book");
  });
  t.after(() => hub.close());
  return { hub, origin: await listening(t, server) };
}

// The reference hub's program of 0.x contains such a page too, but cannot serve it.
test("the reference hub's playground page discovers, subscribes, publishes and lists with our hub", {
  skip: withoutReferenceHub1,
}, async (t) => {
  const reference = await referenceHub(t, { version: 1, flags: ["-playground"] });
  const { hub, origin } = await startHub(t, new URL(reference.url).origin);
  const hubUrl = origin + hub.path;
  const detail = {
    type: detailType,
    actions: ["publish", "subscribe"],
    topics: [{ match: "*" }],
    payload: { who: "we" },
  };
  const jwt = await new SignJWT({ authorization_details: [detail] })
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt" })
    .setIssuer(issuer)
    .setAudience(resource)
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret));

  const browser = await launchChromium();
  t.after(() => browser.close());
  // The page's own policy restricts it to its origin; without it, the test covers the hub's CORS headers too.
  const { page } = await newWatchedPage(browser, { bypassCSP: true });
  const alerts: string[] = [];
  page.on("dialog", (dialog) => {
    alerts.push(dialog.message());
    void dialog.dismiss();
  });
  const module = await eventSourceModule();
  await page.route(/^https:\/\/cdn\.jsdelivr\.net\//, (route) =>
    route.request().url().includes("fetch-event-source")
      ? route.fulfill({ contentType: "text/javascript", headers: { "Access-Control-Allow-Origin": "*" }, body: module })
      : route.abort(),
  );
  await page.goto(`${reference.url}/debug/`);
  await page.locator("#mode", { hasText: "Playground" }).waitFor();
  const field = (form: string, name: string) => page.locator(`form[name="${form}"] [name="${name}"]`);
  const click = (form: string, text: string) =>
    page.locator(`form[name="${form}"]`).getByRole("button", { name: text, exact: true }).click();
  await field("settings", "jwt").fill(jwt);

  await field("discover", "topic").fill(`${origin}/books/1`);
  await field("discover", "discover").click();
  await page.waitForFunction((url) => document.querySelector<HTMLInputElement>("#hubUrl")?.value === url, hubUrl);

  await page.locator("[data-value=match_urlpattern]").click();
  await field("subscribe", "topics").fill("https://example.com/books/:id");
  await field("subscribe", "subscribe").click();
  await page.locator("#status[data-state=on]").waitFor();

  await field("publish", "topics").fill("https://example.com/books/1");
  await field("publish", "data").fill("a private book");
  await field("publish", "priv").check();
  await click("publish", "Publish");
  await page.locator("#updates pre", { hasText: "a private book" }).waitFor();

  // The list starts with the page's own stream, and continues with the streams that come and go.
  await field("subscriptions", "subscribe").click();
  await page.locator(".subs .match", { hasText: "https://example.com/books/:id" }).waitFor();
  assert.match(await page.locator(".subs pre").first().innerText(), /"who": "we"/);
  const controller = new AbortController();
  t.after(() => controller.abort());
  await fetch(`${hubUrl}?match=https://example.com/later`, { signal: controller.signal });
  const later = page.locator(".subs .match", { hasText: "https://example.com/later" });
  await later.waitFor();
  controller.abort();
  await later.waitFor({ state: "detached" });

  // An earlier update comes with the id to continue from.
  await field("subscribe", "unsubscribe").click();
  await field("subscribe", "lastEventId").fill("earliest");
  await field("subscribe", "subscribe").click();
  await page.locator("#updates pre", { hasText: "a private book" }).waitFor();
  assert.deepEqual(alerts, []);
});
