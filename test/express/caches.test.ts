import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RequestHandler } from "express";
import { application } from "../support/application.js";

const lenient = {
  "Cache-Control": "public, max-age=600",
  "CDN-Cache-Control": "max-age=600",
  "Cloudflare-CDN-Cache-Control": "max-age=600",
  "Surrogate-Control": "max-age=600",
  "X-Accel-Expires": "600",
  Expires: new Date(Date.now() + 600_000).toUTCString(),
  "Last-Modified": new Date(0).toUTCString(),
  ETag: '"page"',
};
const names = Object.keys(lenient).slice(1);

describe("a response with a private stream", () => {
  for (const tokenMode of ["url", "cookie"] as const) {
    // A CDN that keeps a page gives one visitor's token to the next visitor.
    test(`stays out of every cache, with any headers at any time, with tokenMode ${tokenMode}`, async (t) => {
      const { app, kit, listen } = application(
        t,
        { "templates/mine.njk": '<% MercureStream topic="a" private %>' },
        { tokenMode },
      );
      const ways: Record<string, RequestHandler> = {
        before: (_req, res) => res.set(lenient).render("mine.njk"),
        after: (_req, res) =>
          res.render("mine.njk", (_error: unknown, html: string) => void res.set(lenient).send(html)),
        removed: (_req, res) =>
          res.render("mine.njk", (_error: unknown, html: string) => {
            res.removeHeader("Cache-Control");
            res.send(html);
          }),
        appended: (_req, res) =>
          res.render("mine.njk", (_error: unknown, html: string) => {
            for (const [name, value] of Object.entries(lenient)) res.appendHeader(name, value);
            res.send(html);
          }),
        head: (_req, res) =>
          res.render("mine.njk", (_error: unknown, html: string) => void res.writeHead(200, lenient).end(html)),
        pairs: (_req, res) =>
          res.render("mine.njk", (_error: unknown, html: string) => {
            res.writeHead(200, "OK", Object.entries(lenient).flat()).end(html);
          }),
        cookie: (_req, res) => {
          kit.sse.setAuthzCookie(res, "a");
          res.set(lenient).send("x");
        },
      };
      for (const [path, handler] of Object.entries(ways)) app.get(`/${path}`, handler);
      const origin = await listen();
      for (const path of Object.keys(ways)) {
        for (const headers of [{}, { "If-None-Match": "*" }, { "If-Modified-Since": new Date().toUTCString() }]) {
          const answer = await fetch(`${origin}/${path}`, { headers });
          await answer.text();
          assert.equal(answer.status, 200, path);
          assert.equal(answer.headers.get("Cache-Control"), "private, no-store", path);
          for (const name of names) assert.equal(answer.headers.get(name), null, `${path}: ${name}`);
        }
      }
    });
  }

  for (const makeToken of ["createSubscriberJwt", "createPublisherJwt"] as const) {
    // A CDN that keeps the answer gives the token of one visitor to the next visitor.
    test(`stays out of every cache when it hands out a token: ${makeToken}`, async (t) => {
      const { app, kit, listen } = application(t);
      const kept = kit.sse[makeToken]("b");
      const ways: Record<string, RequestHandler> = {
        text: (_req, res) => void res.set(lenient).send(kit.sse[makeToken]("a")),
        json: (_req, res) => void res.set(lenient).json({ token: kit.sse[makeToken]("a") }),
        timer: (_req, res) => void setImmediate(() => res.set(lenient).send(kit.sse[makeToken]("a"))),
        bytes: (_req, res) => void res.set(lenient).send(Buffer.from(kit.sse[makeToken]("a"))),
        written: (_req, res) => {
          res.set(lenient).write(kit.sse[makeToken]("a"));
          res.end();
        },
        kept: (_req, res) => void res.set(lenient).send(kept),
      };
      for (const [path, handler] of Object.entries(ways)) app.get(`/${path}`, handler);
      const origin = await listen();
      for (const path of [...Object.keys(ways), "kept"]) {
        const answer = await fetch(`${origin}/${path}`);
        assert.match(await answer.text(), /eyJ/, path);
        assert.equal(answer.headers.get("Cache-Control"), "private, no-store", path);
        for (const name of names) assert.equal(answer.headers.get(name), null, `${path}: ${name}`);
      }
    });
  }

  test("keeps the application's headers where nothing in it is private", async (t) => {
    const { app, listen } = application(t, { "templates/open.njk": '<% MercureStream topic="a" %>' });
    app.get("/", (_req, res) => res.set(lenient).render("open.njk"));
    const answer = await fetch(await listen());
    await answer.text();
    for (const [name, value] of Object.entries(lenient)) assert.equal(answer.headers.get(name), value);
  });
});
