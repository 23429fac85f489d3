import assert from "node:assert/strict";
import { test } from "node:test";
import express from "express";
import { application, streamUrlOf } from "../support/application.js";

const files = {
  "templates/index.njk": `{{ mercure_scripts() }}<% MercureStream topic="a" %>`,
  "components/Board.njk": `<div><% MercureStream topic="a" %></div>`,
};

for (const trust of [true, false]) {
  test(`a page ${trust ? "has" : "ignores"} the prefix that a ${trust ? "trusted" : "strange"} sender names`, async (t) => {
    const { app, listen } = application(t, files);
    app.set("trust proxy", trust);
    app.get("/", (_req, res) => res.render("index"));
    const page = await fetch(await listen(), { headers: { "X-Forwarded-Prefix": "//app'/" } });
    const urls = [...(await page.text()).matchAll(/(?:src|href|sse-connect)="([^"]+)"/g)].map(([, url]) => url!);
    assert.equal(urls.length, 5);
    for (const url of urls) assert.equal(url.startsWith("/app%27/"), trust, url);
  });
}

test("a public hub URL that holds the mount path has it once, in pages and in jobs", async (t) => {
  const { app, kit, listen } = application(t, files, { publicHubUrl: "/shop/.well-known/mercure" });
  app.get("/", (_req, res) => res.render("index"));
  const origin = await listen(express().use("/shop", app));
  const page = await (await fetch(`${origin}/shop/`)).text();
  for (const html of [page, String(kit.render("Board"))]) {
    assert.equal(new URL(streamUrlOf(html, origin)).pathname, "/shop/.well-known/mercure");
  }
});
