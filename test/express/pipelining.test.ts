import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { application } from "../support/application.js";

describe("requests to an application behind a stream", () => {
  // 64 kB of requests for a page, behind a stream that is open for an hour, make the server hold 362 MiB of answers.
  for (const [what, first, path] of [
    ["pages behind a stream of the hub", "/.well-known/mercure?topic=a", "/"],
    ["pages behind a stream of a route", "/stream", "/"],
    ["the library's scripts behind a stream of the hub", "/.well-known/mercure?topic=a", "/mercure-assets/htmx.js"],
    ["pages behind a page that nobody reads", "/slow", "/"],
  ] as const) {
    test(`stay unanswered: ${what}`, async (t) => {
      let rendered = 0;
      const { app, kit, listen } = application(t, { "templates/page.njk": "x".repeat(1000) });
      app.get("/", (_req, res) => {
        rendered++;
        res.render("page.njk");
      });
      app.get("/slow", () => {});
      app.get("/stream", kit.sse.stream("a"));
      const origin = await listen();
      const socket = connect(Number(new URL(origin).port), "127.0.0.1");
      t.after(() => socket.destroy());
      const get = (url: string) => `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`;
      socket.write(get(first) + get(path).repeat(1500));
      await new Promise<void>((resolve) =>
        socket
          .on("error", () => {})
          .on("close", () => resolve())
          .resume(),
      );
      assert.ok(rendered <= 16, `${rendered} pages`);
      assert.equal(kit.hub.connections, 0);
      assert.equal((await fetch(`${origin}/`)).status, 200);
    });
  }
});
