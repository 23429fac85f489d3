import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { htmxFile, installedLine } from "../../src/express/htmx-scripts.js";
import { application } from "../support/application.js";

const files = {
  "templates/page.njk": '{{ mercure_scripts(htmx=line) }}<% MercureStream topic="a" %>',
  "templates/fragment.njk": '<% MercureStream topic="a" %>',
};
const scriptsIn = (html: string) =>
  [...html.matchAll(/ src="[^"]*mercure-assets\/([\w-]+)-[\w-]{12}\.js/g)].map(([, name]) => name);
const lineIn = (html: string) => (/ hx-sse:connect="/.test(html) ? 4 : / sse-connect="/.test(html) ? 2 : undefined);

describe("the line of htmx", () => {
  for (const [htmx, scripts] of [
    [2, ["htmx", "sse", "mercure", "hints"]],
    [4, ["htmx4", "mercure4", "hx-sse", "hints"]],
  ] as const) {
    test(`is ${htmx} for scripts and tags of an application with the option htmx: ${htmx}`, async (t) => {
      const { app, listen } = application(t, files, { htmx });
      app.get("/", (_req, res) => res.render("page"));
      const origin = await listen();
      const html = await (await fetch(origin)).text();
      assert.deepEqual([scriptsIn(html), lineIn(html)], [scripts, htmx]);
      for (const [, path] of html.matchAll(/src="([^"]+)"/g)) {
        const response = await fetch(origin + path);
        assert.equal(response.status, 200);
        new Function(await response.text());
      }
    });

    test(`sends a client of at most 9 KB to a page of htmx ${htmx}`, async (t) => {
      const { app, listen } = application(t, files, { htmx });
      app.get("/", (_req, res) => res.render("page", { line: false }));
      const origin = await listen();
      const [, path] = /src="([^"]+)"/.exec(await (await fetch(origin)).text())!;
      const size = brotliCompressSync(await (await fetch(origin + path)).text()).length;
      assert.ok(size <= 9 * 1024, `${size} bytes with Brotli`);
    });
  }

  test("is the one of the installed package htmx.org by default", async (t) => {
    assert.equal(installedLine(), 2);
    const { app, listen } = application(t, files);
    app.get("/", (_req, res) => res.render("page"));
    assert.equal(lineIn(await (await fetch(await listen())).text()), 2);
  });

  test("can be chosen by a page, and its fragments follow the page that asks for them", async (t) => {
    const { app, listen } = application(t, files);
    app.get("/", (_req, res) => res.render("page", { line: 4 }));
    app.get("/fragment", (_req, res) => res.render("fragment"));
    const origin = await listen();
    assert.equal(lineIn(await (await fetch(origin)).text()), 4);
    const fragmentFor = async (headers: Record<string, string>) => {
      return lineIn(await (await fetch(`${origin}/fragment`, { headers })).text());
    };
    assert.equal(await fragmentFor({ "HX-Request": "true", "HX-Request-Type": "partial" }), 4);
    assert.equal(await fragmentFor({ "HX-Request": "true", "HX-Current-URL": origin }), 2);
    assert.equal(await fragmentFor({}), 2);
  });

  test("leaves only the client's script to a page with its own htmx", async (t) => {
    const { app, listen } = application(t, files, { htmx: 4 });
    app.get("/", (_req, res) => res.render("page", { line: false }));
    assert.deepEqual(scriptsIn(await (await fetch(await listen())).text()), ["mercure4", "hints"]);
  });

  test("must be 2 or 4", async (t) => {
    assert.throws(() => application(t, files, { htmx: 3 as 2 }), /htmx must be one of 2, 4/);
    const { kit } = application(t, files);
    assert.throws(
      () => kit.environment.render("page.njk", { line: 3 }),
      /htmx of mercure_scripts must be 2, 4 or false/,
    );
  });

  test("is an error with the command that installs it when it is not installed", () => {
    assert.throws(() => htmxFile(3 as 2, "dist/htmx.min.js"), {
      code: "ERR_PACKAGE",
      message: /npm install htmx\.org@3, or npm install htmx3@npm:htmx\.org@3/,
    });
  });
});
