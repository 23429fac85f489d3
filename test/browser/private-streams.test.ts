import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, type TestContext, test } from "node:test";
import type { Express, Request } from "express";
import type { Browser, Page } from "playwright-core";
import type { MercureOptions } from "../../src/index.js";
import { type Application, application } from "../support/application.js";
import { htmxLines } from "../support/depth.js";
import { freePort } from "../support/free-port.js";
import { ManualClock } from "../support/manual-clock.js";
import { until } from "../support/until.js";
import { launchChromium, newWatchedPage, type WatchedPage } from "./chromium.js";
import { shows } from "./client-fixture.js";

const require = createRequire(import.meta.url);
const stockScripts = {
  "/htmx.js": readFileSync(require.resolve("htmx.org/dist/htmx.min.js"), "utf8"),
  "/sse.js": readFileSync(require.resolve("htmx-ext-sse/dist/sse.min.js"), "utf8"),
};
const head = (scripts: string) => `<!doctype html><title>x</title>${scripts}`;
const body = '<% MercureStream topic=topic private tag="ul" id="feed" %><% endMercureStream %>';
const byRole = '<% MercureStream topic="a" variant=role tag="ul" id="feed" %><% endMercureStream %>';
const files = {
  "templates/role.njk": `${head("{{ mercure_scripts() }}")}${byRole}`,
  "templates/live.njk": `${head("{{ mercure_scripts() }}")}${body}`,
  "templates/stock.njk": `${head('<script src="/htmx.js"></script><script src="/sse.js"></script>')}${body}`,
};
const lifetime = 60;

let browser: Browser;
let visits: WatchedPage[] = [];
let expected: RegExp | undefined;

before(async () => {
  browser = await launchChromium();
});

after(() => browser.close());

afterEach(async () => {
  const errors = visits.flatMap((visit) => visit.errors).filter((error) => !expected?.test(error));
  for (const { page } of visits) await page.context().close();
  visits = [];
  expected = undefined;
  assert.deepEqual(errors, [], "errors in a page's console");
});

/** An application that can revoke its private streams for everybody, and restarts at the same address. */
class Site {
  readonly clock = new ManualClock();
  /** Every request so far: its URL, and the page that the browser names as its origin. */
  readonly requests: Request[] = [];
  /** Whether the application grants its private streams. */
  open = true;
  /** The viewer's role, which is the variant of the stream on `/role`. */
  role = "editor";
  kit!: Application["kit"];
  origin = "";
  readonly #t: TestContext;
  readonly #options: MercureOptions;
  #server: Server | undefined;

  constructor(t: TestContext, options: MercureOptions) {
    this.#t = t;
    this.#options = options;
    t.after(() => this.stop());
  }

  async start(): Promise<this> {
    const port = this.origin === "" ? await freePort() : Number(new URL(this.origin).port);
    const options = { tokenLifetime: lifetime, hub: { connectionLifetime: 0, keepaliveInterval: 0 }, ...this.#options };
    const setup = { clock: this.clock, before: (app: Express) => this.#record(app) };
    const { app, kit } = application(this.#t, files, options, setup);
    this.kit = kit;
    for (const view of ["live", "stock"]) {
      app.get(`/${view}`, (req, res) => {
        if (this.open) res.render(view, { topic: req.query.topic });
        else res.send("<h1>Signed out</h1>");
      });
    }
    app.get("/role", (_req, res) => res.render("role", { role: this.role }));
    for (const [path, script] of Object.entries(stockScripts))
      app.get(path, (_req, res) => void res.type("js").send(script));
    app.get("/favicon.ico", (_req, res) => void res.status(204).end());
    app.post("/sign-out", async (_req, res) => {
      kit.sse.deleteAuthzCookie(res);
      await kit.sse.disconnect({ subject: "ada" });
      res.sendStatus(204);
    });
    this.#server = app.listen(port, "127.0.0.1");
    await new Promise((resolve) => this.#server!.once("listening", resolve));
    this.origin = `http://127.0.0.1:${port}`;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await this.kit?.close();
    server?.closeAllConnections();
    if (server?.listening) await new Promise((resolve) => server.close(resolve));
  }

  /** A tab of a context, by default of one of its own. */
  async visit(path: string, besides?: Page): Promise<Page> {
    if (besides === undefined) visits.push(await newWatchedPage(browser));
    const page = besides === undefined ? visits.at(-1)!.page : await besides.context().newPage();
    await page.goto(this.origin + path);
    return page;
  }

  async publish(topic: string, text: string): Promise<void> {
    await this.kit.sse.publish(topic, `<li id="${text}">${text}</li>`, { private: true });
  }

  async connected(streams = 1): Promise<void> {
    await until(() => this.kit.hub.connections === streams);
  }

  /** The requests for streams so far. */
  get asked(): Request[] {
    return this.requests.filter(({ originalUrl }) => originalUrl.startsWith("/.well-known/mercure?"));
  }

  #record(app: Express): void {
    app.use((req, _res, next) => {
      this.requests.push(req);
      next();
    });
  }
}

for (const tokenMode of ["url", "cookie"] as const) {
  for (const htmx of htmxLines) {
    describe(`private streams with their token in the ${tokenMode} on htmx ${htmx}`, () => {
      test("resume in two tabs, each with its own topic, when the hub has restarted", async (t) => {
        expected = /reconnects in|ERR_|htmx:sseError/;
        const site = await new Site(t, { htmx, tokenMode }).start();
        const a = await site.visit("/live?topic=a");
        const b = await site.visit("/live?topic=b", a);
        await site.connected(2);
        await site.publish("a", "a1");
        await site.publish("b", "b1");
        await shows(a, "li", ["a1"]);
        await shows(b, "li", ["b1"]);
        // A restart loses a history in memory, and the pages show no earlier messages.
        for (const page of [a, b])
          await page.evaluate("addEventListener('mercure:gap', (event) => event.preventDefault())");
        await site.stop();
        await site.start();
        await site.connected(2);
        await site.publish("a", "a2");
        await site.publish("b", "b2");
        await shows(a, "li", ["a1", "a2"]);
        await shows(b, "li", ["b1", "b2"]);
      });

      for (const asks of [true, false]) {
        const how = asks ? "the application is asked" : "the page is fetched again";
        test(`outlive their token and miss nothing; ${how}, until the application no longer grants them`, async (t) => {
          const answer = { authorize: () => site.open };
          const site: Site = new Site(t, { htmx, tokenMode, ...(asks ? answer : {}) });
          await site.start();
          const page = await site.visit("/live?topic=a");
          await site.connected();
          await site.publish("a", "first");
          await shows(page, "li", ["first"]);
          for (const text of ["second", "third"]) {
            site.clock.advance(lifetime);
            await site.publish("a", text);
            await site.connected();
          }
          await shows(page, "li", ["first", "second", "third"]);
          await site.connected();
          const renewals = site.requests.filter(({ method }) => method === "POST");
          assert.equal(renewals.length, asks ? 2 : 0);

          site.open = false;
          expected = /status of 403/;
          const before = site.asked.length;
          site.clock.advance(lifetime);
          await page.locator('[data-mercure-state="ended"]').waitFor();
          await site.publish("a", "secret");
          await page.evaluate("dispatchEvent(new Event('online')); htmx.process(document.body); fetch('/favicon.ico')");
          assert.equal(site.asked.length, before);
          await shows(page, "li", ["first", "second", "third"]);
        });
      }

      // A former editor would still get the rendering for editors, because they can still stream the topic.
      test("continue with the current variant of their viewer", async (t) => {
        const site = await new Site(t, { htmx, tokenMode, authorize: () => true }).start();
        const page = await site.visit("/role");
        const publish = (text: string) =>
          site.kit.sse.publish("a", (role: string) => `<li id="${text}">${text} for the ${role}</li>`);
        await site.connected();
        await publish("first");
        await shows(page, "li", ["first for the editor"]);
        site.clock.advance(lifetime - 1);
        await publish("second");
        site.role = "viewer";
        site.clock.advance(1);
        await until(() => site.asked.length === 2);
        await site.connected();
        await publish("third");
        await shows(page, "li", ["first for the editor", "second for the editor", "third for the viewer"]);
        assert.ok(site.requests.every(({ method }) => method === "GET"));
      });

      test("end in every tab at a sign-out, with no time passing at the server, and stay ended", async (t) => {
        const site: Site = new Site(t, { htmx, tokenMode, authorize: () => site.open, subjectGetter: () => "ada" });
        await site.start();
        const a = await site.visit("/live?topic=a");
        const b = await site.visit("/live?topic=b", a);
        await site.connected(2);
        site.open = false;
        await a.evaluate("fetch('/sign-out', { method: 'POST' })");
        for (const page of [a, b]) await page.locator('[data-mercure-state="ended"]').waitFor({ state: "attached" });
        const { length } = site.asked;
        for (const page of [a, b]) {
          await page.evaluate("dispatchEvent(new Event('online')); htmx.process(document.body); fetch('/favicon.ico')");
        }
        assert.equal(site.asked.length, length);
        await site.connected(0);
      });

      // Logs of servers and proxies, and other sites that a page links to, would learn the token.
      test("keep it out of every URL and Referer", async (t) => {
        const site = await new Site(t, { htmx, tokenMode, authorize: () => true }).start();
        const page = await site.visit("/live?topic=a");
        await site.connected();
        site.clock.advance(lifetime);
        await site.publish("a", "after");
        await shows(page, "li", ["after"]);
        assert.ok(site.requests.some(({ headers }) => JSON.stringify(headers).includes("eyJ")));
        for (const { originalUrl, headers } of site.requests) {
          assert.doesNotMatch(`${originalUrl} ${headers.referer}`, /eyJ/);
        }
      });
    });
  }

  describe(`with htmx and its extension alone, and the token in the ${tokenMode}, a private stream`, () => {
    for (const [what, expire] of [
      ["expires", (site: Site) => site.clock.advance(lifetime)],
      [
        "has expired while its server was away",
        async (site: Site) => {
          await site.stop();
          site.clock.advance(lifetime);
          await site.start();
        },
      ],
      [
        "is taken back, with no time passing at the server",
        (site: Site) => site.kit.sse.disconnect({ subject: "ada" }),
      ],
    ] as const) {
      test(`ends, and stays ended, when its token ${what}`, async (t) => {
        expected = /ERR_|htmx:sseError|\[object Event\]/;
        const site = await new Site(t, { tokenMode, subjectGetter: () => "ada" }).start();
        const page = await site.visit("/stock?topic=a");
        await page.clock.install();
        await page.evaluate('addEventListener("htmx:sseClose", ({ detail }) => { document.title = detail.type })');
        await site.connected();
        await site.publish("a", "first");
        await shows(page, "li", ["first"]);
        await expire(site);
        await page.waitForFunction('document.title === "message"');
        const { length } = site.asked;
        // The extension would retry after half a second, and then after growing pauses.
        await page.clock.runFor(300_000);
        await page.evaluate("fetch('/favicon.ico')");
        assert.equal(site.asked.length, length);
        await site.connected(0);
      });
    }
  });
}
