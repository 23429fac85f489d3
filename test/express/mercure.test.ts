import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import express from "express";
import nunjucks from "nunjucks";
import { mercure } from "../../src/index.js";
import { application, secret, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";

const chat = {
  "templates/index.njk":
    '<% MercureStream topic="messages" %><% for m in messages %><% ChatMessage id=m.id text=m.text %><% endfor %><% endMercureStream %>',
  "components/ChatMessage.njk": '<p id="{{ id }}">{{ text }}</p>',
};

describe("an application", () => {
  test("renders a stream, and published updates arrive there as HTML", async (t) => {
    const { app, kit, listen } = application(t, chat);
    app.get("/", (_req, res) => res.render("index", { messages: [{ id: "m-0", text: "old" }] }));
    const origin = await listen();
    const page = await (await fetch(origin)).text();
    assert.match(page, /<p id="m-0">old<\/p>/);
    const stream = await openStream(t, streamUrlOf(page, origin));
    const id = await kit.sse.publish("messages", kit.render("ChatMessage", { id: "m-1", text: "<new>" }));
    assert.deepEqual(await stream.next(), { id, event: undefined, data: '<p id="m-1">&lt;new&gt;</p>' });
  });

  test("misses nothing between the beginning of a request and the connection", async (t) => {
    const { app, kit, listen } = application(t, chat);
    app.get("/", async (_req, res) => {
      await kit.sse.publish("messages", "while the data was fetched");
      res.render("index", { messages: [] });
    });
    const origin = await listen();
    await kit.sse.publish("messages", "before");
    const page = await (await fetch(origin)).text();
    await kit.sse.publish("messages", "after the page");
    const stream = await openStream(t, streamUrlOf(page, origin));
    await kit.sse.publish("messages", "live");
    const received = [await stream.next(), await stream.next(), await stream.next()].map((event) => event?.data);
    assert.deepEqual(received, ["while the data was fetched", "after the page", "live"]);
  });

  test("names its hub and the position in the header of pages with streams", async (t) => {
    const { app, kit, listen } = application(t, {
      "templates/none.njk": "<p></p>",
      "templates/two.njk": '<% MercureStream topic="a" %><% MercureStream topic="b" %>',
    });
    app.get("/none", (_req, res) => res.render("none"));
    app.get("/two", (_req, res) => res.set("Link", '</style.css>; rel="preload"').render("two"));
    app.get("/api", (_req, res) => res.json({ stream: kit.sse.hubUrl("a") }));
    const origin = await listen(express().use("/shop", app));
    const linkOf = async (path: string) => {
      const response = await fetch(`${origin}/shop${path}`);
      await response.text();
      return response.headers.get("Link");
    };
    const { lastEventId } = kit.hub;
    const link = `</shop/.well-known/mercure>; rel="mercure"; last-event-id="${lastEventId}"`;
    assert.equal(await linkOf("/none"), null);
    assert.equal(await linkOf("/two"), `</style.css>; rel="preload", ${link}`);
    assert.equal(await linkOf("/api"), link);
    await kit.sse.publish("a", "x");
    assert.notEqual(await linkOf("/api"), link);
  });

  test("keeps the page's position when a callback has lost the asynchronous context", async (t) => {
    const { app, kit, listen } = application(t, chat);
    const waiting: (() => void)[] = [];
    app.get("/", (_req, res) => void waiting.push(() => res.render("index", { messages: [] })));
    const origin = await listen();
    const answer = fetch(origin);
    while (waiting.length === 0) await new Promise(setImmediate);
    await kit.sse.publish("messages", "meanwhile");
    waiting[0]!();
    const stream = await openStream(t, streamUrlOf(await (await answer).text(), origin));
    assert.equal((await stream.next())?.data, "meanwhile");
  });

  test("sends private updates to the page's private stream alone", async (t) => {
    const { app, kit, listen } = application(t, {
      "templates/private.njk": '<% MercureStream topic="orders/7" private %>',
      "templates/public.njk": '<% MercureStream topic="orders/7" %>',
    });
    app.get("/:page", (req, res) => res.render(req.params.page));
    const origin = await listen();
    const open = async (page: string) =>
      openStream(t, streamUrlOf(await (await fetch(`${origin}/${page}`)).text(), origin));
    const [mine, others] = [await open("private"), await open("public")];
    await kit.sse.publish("orders/7", "secret", { private: true });
    await kit.sse.publish("orders/7", "open");
    assert.equal((await mine.next())?.data, "secret");
    assert.equal((await mine.next())?.data, "open");
    assert.equal((await others.next())?.data, "open");
  });

  test("connects its public streams where the hub rejects anonymous subscribers", async (t) => {
    const { app, kit, listen } = application(t, chat, { hub: { allowAnonymous: false } });
    app.get("/", (_req, res) => res.render("index", { messages: [] }));
    const origin = await listen();
    assert.equal((await fetch(`${origin}/.well-known/mercure?topic=messages`)).status, 401);
    const stream = await openStream(t, streamUrlOf(await (await fetch(origin)).text(), origin));
    await kit.sse.publish("messages", "secret", { private: true });
    await kit.sse.publish("messages", "public");
    assert.equal((await stream.next())?.data, "public");
  });

  test("answers htmx with a component", async (t) => {
    const { app, listen } = application(t, chat);
    app.get("/", (_req, res) => void res.status(201).component("ChatMessage", { id: "m", text: "&" }));
    const response = await fetch(await listen());
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
    assert.equal(response.headers.get("vary"), "HX-Request");
    assert.equal(await response.text(), '<p id="m">&amp;</p>');
  });

  test("sends rendered HTML unescaped", async (t) => {
    const { app, kit, listen } = application(t, chat);
    app.get("/", (_req, res) => void res.send(kit.html`<b>${"<i>"}</b>`));
    app.get("/component", (_req, res) => void res.send(kit.render("ChatMessage", { id: "m", text: "&" })));
    app.get("/data", (_req, res) => void res.send({ count: 1 }));
    const origin = await listen();
    for (const [path, body] of [
      ["/", "<b>&lt;i&gt;</b>"],
      ["/component", '<p id="m">&amp;</p>'],
    ]) {
      const response = await fetch(origin + path);
      assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
      assert.equal(await response.text(), body);
    }
    assert.deepEqual(await (await fetch(`${origin}/data`)).json(), { count: 1 });
  });

  test("passes a template's mistake to Express with its code and place", async (t) => {
    const { app, listen } = application(t, { "templates/broken.njk": "\n<% MercureStream topic=nothing %>" });
    app.get("/", (_req, res) => res.render("broken"));
    const seen: { code?: string; message: string }[] = [];
    app.use(((error, _req, res, _next) => {
      seen.push(error);
      res.sendStatus(500);
    }) as express.ErrorRequestHandler);
    assert.equal((await fetch(await listen())).status, 500);
    assert.equal(seen[0]?.code, "ERR_TOPIC");
    assert.match(seen[0]!.message, /broken\.njk, line 2, column 4\)$/);
  });

  test("supports asynchronous filters in its pages", async (t) => {
    const { app, kit, listen } = application(t, { "templates/late.njk": "{{ 'x' | later }}" });
    kit.environment.addFilter("later", (value, callback) => setImmediate(callback, null, `late ${value}`), true);
    app.get("/", (_req, res) => res.render("late"));
    assert.equal(await (await fetch(await listen())).text(), "late x");
  });

  test("shows changed templates and components at the next render in development", async (t) => {
    const { app, listen, folder } = application(t, chat);
    app.get("/", (_req, res) => res.render("index", { messages: [{ id: 1, text: "a" }] }));
    const origin = await listen();
    assert.match(await (await fetch(origin)).text(), /<p id="1">a<\/p>/);
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${folder}/components/ChatMessage.njk`, "<i>{{ text }}, changed</i>");
    writeFileSync(`${folder}/templates/index.njk`, "<% ChatMessage text='b' %>");
    assert.equal(await (await fetch(origin)).text(), "<i>b, changed</i>");
  });

  test("compiles templates once in production", async (t) => {
    const { app, listen, folder } = application(t, chat, { development: false });
    app.get("/", (_req, res) => res.render("index", { messages: [{ id: 1, text: "a" }] }));
    const origin = await listen();
    const before = await (await fetch(origin)).text();
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${folder}/templates/index.njk`, "changed");
    const after = await (await fetch(origin)).text();
    assert.match(before, /<p id="1">a<\/p>/);
    assert.match(after, /<p id="1">a<\/p>/);
  });

  test("keeps its own environment, delimiters and view engine", async (t) => {
    const { mkdtempSync, writeFileSync, rmSync } = await import("node:fs");
    const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-views-"));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(`${folder}/page.html`, "{% MercureStream topic='a' %}{% Hello name='x' %}");
    const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(folder), { autoescape: true });
    const { app, listen } = application(t, { "components/Hello.njk": "Hello {{ name }}" }, { environment });
    environment.express(app);
    app.get("/", (_req, res) => res.render("page.html"));
    assert.match(await (await fetch(await listen())).text(), /sse-connect="\/\.well-known\/mercure\?topic=a.*Hello x$/);
  });

  test("can be mounted in another application", async (t) => {
    const { app, kit, listen } = application(t, {
      ...chat,
      "templates/index.njk": "{{ mercure_scripts() }}<% MercureStream topic='messages' %>",
    });
    app.get("/", (_req, res) => res.render("index"));
    const outer = express().use("/inner", app);
    const origin = await listen(outer);
    const page = await (await fetch(`${origin}/inner`)).text();
    assert.match(streamUrlOf(page, origin), /\/inner\/\.well-known\/mercure\?/);
    assert.equal((await fetch(origin + /src="([^"]+)"/.exec(page)![1])).status, 200);
    const stream = await openStream(t, streamUrlOf(page, origin));
    await kit.sse.publish("messages", "in");
    assert.equal((await stream.next())?.data, "in");
  });

  test("warns, in development and once for each page, of more than four connections", async (t) => {
    const stream = (n: number) => `<% MercureStream topic="t${n}" %>`;
    const files = {
      "templates/four.njk": `{{ mercure_scripts() }}${[1, 2, 3, 4].map(stream).join("")}`,
      "templates/six.njk": `{{ mercure_scripts() }}${[1, 2, 3, 4, 5, 6].map(stream).join("")}`,
    };
    const { app, listen, warnings } = application(t, files, { shareConnections: false });
    app.get("/:page", (req, res) => res.render(req.params.page));
    const origin = await listen();
    await fetch(`${origin}/four`);
    assert.deepEqual(warnings, []);
    await fetch(`${origin}/six`);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /\/six opens more than 4 streams/);

    for (const options of [{ development: false, shareConnections: false }, {}]) {
      const quiet = application(t, files, options);
      quiet.app.get("/:page", (req, res) => res.render(req.params.page));
      await fetch(`${await quiet.listen()}/six`);
      assert.deepEqual(quiet.warnings, []);
    }
  });

  test("has one kit, and is an Express application", (t) => {
    const { app } = application(t);
    for (const impossible of [app, undefined, express.Router(), {}]) {
      assert.throws(() => mercure(impossible as express.Express, { secret }), { code: "ERR_OPTION" });
    }
  });

  test("warns once when the library comes after routes, and of a stream without scripts", async (t) => {
    const warnings: string[] = [];
    const app = express();
    app.get("/early", (_req, res) => res.render("bare"));
    const { folder } = application(t, { "templates/bare.njk": "<% MercureStream topic='a' %>" });
    const logger = { warn: (message: string) => void warnings.push(message), error: () => {} };
    const kit = mercure(app, { templates: `${folder}/templates`, components: `${folder}/components`, secret, logger });
    t.after(() => kit.close());
    assert.match(warnings.join(), /called after routes/);

    const late = application(t, { "templates/bare.njk": "<% MercureStream topic='a' %>" });
    late.app.get("/", (_req, res) => res.render("bare"));
    const origin = await late.listen();
    await fetch(origin, { headers: { "HX-Request": "true" } });
    assert.deepEqual(late.warnings, [], "a fragment goes into a page that has the scripts");
    await fetch(origin);
    await fetch(origin);
    while (late.warnings.length === 0) await new Promise(setImmediate);
    assert.equal(late.warnings.length, 1);
    assert.match(late.warnings[0]!, /add \{\{ mercure_scripts\(\) \}\} to its head/);
  });

  // A shared cache gives one visitor's page, with the token in it, to another.
  test("keeps pages with tokens out of shared caches", async (t) => {
    const { app, listen } = application(t, {
      "templates/private.njk": "<% MercureStream topic='a' private %>",
      "templates/public.njk": "<% MercureStream topic='a' %>",
    });
    app.get("/:page", (req, res) => res.set("Cache-Control", "public, max-age=60").render(req.params.page));
    const origin = await listen();
    assert.equal((await fetch(`${origin}/private`)).headers.get("cache-control"), "private, no-store");
    assert.equal((await fetch(`${origin}/public`)).headers.get("cache-control"), "public, max-age=60");
  });

  test("closes its kit at once: streams end, and a publish fails", async (t) => {
    const { kit, listen } = application(t);
    const origin = await listen();
    const stream = await openStream(t, `${origin}/.well-known/mercure?topic=a`);
    await kit.close();
    assert.equal(await stream.next(), undefined);
    await assert.rejects(kit.sse.publish("a"), { code: "ERR_CLOSED" });
    const late = await fetch(`${origin}/.well-known/mercure?topic=a`);
    assert.equal(late.status, 503);
    assert.equal(late.headers.get("connection"), "close", "a socket that is kept alive would keep the server open");
    await kit.close();
  });

  test("rejects updates over HTTP by default", async (t) => {
    const body = new URLSearchParams({ topic: "a", data: "b" });
    const closed = await application(t).listen();
    assert.equal((await fetch(`${closed}/.well-known/mercure`, { method: "POST", body })).status, 405);
    const open = await application(t, {}, { hub: { allowPublish: true } }).listen();
    assert.equal((await fetch(`${open}/.well-known/mercure`, { method: "POST", body })).status, 401);
  });
});

describe("mercure_scripts", () => {
  const page = { "templates/index.njk": "{{ mercure_scripts(nonce=nonce, htmx=htmx) }}" };

  test("writes tags with integrity and a nonce, for files that browsers keep forever", async (t) => {
    const { app, listen } = application(t, page);
    app.get("/", (_req, res) => res.render("index", { nonce: '"n' }));
    const origin = await listen();
    const html = await (await fetch(origin)).text();
    const tags = [
      ...html.matchAll(
        /<(?:script defer src|link rel="stylesheet" href)="([^"]+)" integrity="([^"]+)" nonce="&quot;n">/g,
      ),
    ];
    assert.deepEqual(
      tags.map(([, url]) => url!.replace(/-[\w-]{12}\./, "-HASH.")),
      ["mercure.css", "htmx.js", "sse.js", "mercure.js", "hints.js"].map(
        (name) => `/mercure-assets/${name.replace(".", "-HASH.")}`,
      ),
    );
    const { createHash } = await import("node:crypto");
    for (const [, url, integrity] of tags) {
      for (const encoding of ["br", "gzip", "identity", "br;q=0"]) {
        const response = await fetch(origin + url, { headers: { "Accept-Encoding": encoding } });
        assert.equal(response.status, 200);
        assert.equal(response.headers.get("cache-control"), "public, max-age=31536000, immutable");
        assert.equal(response.headers.get("vary"), "Accept-Encoding");
        assert.equal(response.headers.get("content-encoding"), { br: "br", gzip: "gzip" }[encoding] ?? null);
        const content = Buffer.from(await response.arrayBuffer());
        assert.equal(`sha384-${createHash("sha384").update(content).digest("base64")}`, integrity);
      }
    }
  });

  test("leaves out htmx for an application that brings its own", async (t) => {
    const { app, listen } = application(t, page, { development: false });
    app.get("/", (_req, res) => res.render("index", { htmx: false }));
    const html = await (await fetch(await listen())).text();
    assert.equal(html.match(/<script/g)!.length, 1);
    assert.match(html, /\/mercure-[\w-]{12}\.js/);
  });

  test("reports unknown options", async (t) => {
    const { app, listen, kit } = application(t, { "templates/index.njk": "{{ mercure_scripts(nonse='x') }}" });
    app.get("/", (_req, res) => res.render("index"));
    await listen();
    assert.throws(() => kit.environment.render("index.njk"), /no option "nonse". Did you mean "nonce"/);
  });

  test("passes an unknown asset path on to the application", async (t) => {
    const { app, listen } = application(t);
    app.get("/mercure-assets/:name", (_req, res) => void res.send("mine"));
    assert.equal(await (await fetch(`${await listen()}/mercure-assets/../mercure-assets/x.js`)).text(), "mine");
  });
});
