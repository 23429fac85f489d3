// Checks docs/streams.md, "Use htmx without the script", row by row: a page's behaviour with htmx and its extension
// alone, and with the library's script. Items have no ids unless a row says so, so that a repetition shows. Also checks the
// recipe of docs/browser.md under "Refresh after a gap".

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import express from "express";
import { type Kit, type MercureOptions, mercure } from "htmx-mercure";
import type { Browser, Page } from "playwright-core";
import { launchChromium, newWatchedPage } from "../browser/chromium.js";
import { listening } from "../support/listening.js";
import { secret, startSample } from "./fragments.js";
import { pages, tableAfter } from "./markdown.js";
import { createProject } from "./project.js";

interface Visit {
  readonly kit: Kit;
  readonly page: Page;
  /** The requests for streams: their URLs and headers. */
  readonly requests: readonly { readonly url: string; readonly authorization: string | undefined }[];
  readonly errors: readonly string[];
  /** Cuts the streams, and answers the next request for one as a proxy does whose server is away. */
  interrupt(): void;
  /** Publishes an item, and waits for it and for all earlier requests of the page. */
  say(html: string): Promise<void>;
  /** The text of the stream's items. */
  items(): Promise<string[]>;
}

interface Row {
  /** The first cell of the row. */
  readonly what: string;
  /** The properties of the stream. */
  readonly stream?: string;
  readonly options?: MercureOptions;
  readonly act: (visit: Visit) => Promise<unknown>;
  readonly stock: unknown;
  readonly kit: unknown;
}

const last = "<p>last</p>";

const rows: Row[] = [
  {
    what: "After a status other than 200, for example from a proxy during a deploy",
    async act({ say, interrupt, items }) {
      await say("<p>first</p>");
      interrupt();
      await say(last);
      return items();
    },
    stock: ["first", "first", "last"],
    kit: ["first", "last"],
  },
  {
    what: "After going back in the browser's history, when htmx restores its snapshot of the page",
    async act({ page, say, items }) {
      await say("<p>first</p>");
      await page.click("#away");
      await page.getByText("elsewhere").waitFor();
      await page.goBack();
      await page.getByText("first").first().waitFor();
      await say(last);
      return items();
    },
    stock: ["first", "first", "last"],
    kit: ["first", "last"],
  },
  {
    what: "When htmx processes the stream's element again",
    async act({ page, say, items, requests }) {
      await say("<p>first</p>");
      await page.evaluate("stream.title = 'changed'; htmx.process(stream)");
      await say("<p>second</p>");
      await say(last);
      return [requests.length, (await items()).filter((text) => text === "second").length];
    },
    stock: [2, 2],
    kit: [1, 1],
  },
  {
    what: "An item with an existing id",
    async act({ say, items }) {
      await say('<p id="a">old</p>');
      await say('<p id="a">new</p>');
      return items();
    },
    stock: ["old", "new"],
    kit: ["new"],
  },
  {
    what: "A message with only out-of-band elements, to a stream with `innerHTML`",
    stream: 'hx_swap="innerHTML"',
    async act({ kit, page, say, items }) {
      await say("<p>first</p>");
      await kit.sse.publish("messages", '<p id="elsewhere" hx-swap-oob="true">changed</p>');
      await page.getByText("changed").waitFor();
      return items();
    },
    stock: [],
    kit: ["first"],
  },
  {
    what: "The token of a private stream",
    stream: "private",
    async act({ say, requests }) {
      await say(last);
      return requests.map(({ url, authorization }) => [/authorization=/.test(url), authorization?.slice(0, 7)]);
    },
    stock: [[true, undefined]],
    kit: [[false, "Bearer "]],
  },
  {
    what: "When the hub has evicted missed updates",
    options: { hub: { reconciliationLength: 1 } },
    async act({ kit, page, say, interrupt }) {
      await page.evaluate(
        `addEventListener("mercure:gap", (event) => (event.preventDefault(), document.body.append("there is a gap")))`,
      );
      await say("<p>first</p>");
      interrupt();
      await kit.sse.publish("messages", "<p>missed</p>");
      await say(last);
      return page.getByText("there is a gap").count();
    },
    stock: 0,
    kit: 1,
  },
  {
    what: "`auto_scroll`",
    stream: 'auto_scroll style_="height: 10px"',
    async act({ page, say }) {
      for (let i = 0; i < 40; i++) await say(`<p>${i}</p>`);
      return page.evaluate("stream.scrollTop > 0");
    },
    stock: false,
    kit: true,
  },
  {
    what: "Under `default-src 'self'`",
    async act({ say, errors }) {
      await say(last);
      return errors.some((error) => /Content Security Policy/.test(error));
    },
    stock: true,
    kit: false,
  },
];

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

for (const script of ["stock", "kit"] as const) {
  describe(script === "stock" ? "htmx and its extension alone" : "the library's script", () => {
    for (const { what, stream, act, options, ...expected } of rows) {
      test(what, async (t) => assert.deepEqual(await act(await visit(t, script, stream, options)), expected[script]));
    }
  });
}

test("every row of the table has a test here", () => {
  const { text } = pages().find(({ path }) => path === "docs/streams.md")!;
  const table = tableAfter(text, text.indexOf("## Use htmx without the script"));
  assert.deepEqual(
    rows.map(({ what }) => what),
    table.map(([cell]) => cell),
  );
});

test("a section fetches itself again after a gap", async (t) => {
  const { blocks } = pages().find(({ path }) => path === "docs/browser.md")!;
  const { code } = blocks.find(({ section, language }) => section === "Refresh after a gap" && language === "html")!;
  const folder = createProject(t, {
    "templates/page.njk": `<!doctype html><head>{{ mercure_scripts() }}</head><body>${code}</body>`,
  });
  const { app, kit, origin } = await startSample(t, folder);
  let text = "";
  app.get("/", (_req, res) => res.render("page.njk", { messages: [{ id: "m", text }] }));
  app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
  const { page } = await newWatchedPage(browser);
  t.after(() => page.context().close());
  text = "first";
  await page.goto(origin);
  await page.getByText(text).waitFor();
  text = "fetched since there was a gap";
  await page.evaluate(
    `document.querySelector(".mercure-stream").dispatchEvent(new Event("mercure:gap", { bubbles: true }))`,
  );
  await page.getByText(text).waitFor();
  await kit.sse.publish("messages", kit.html`<p id="m">and live again</p>`);
  await page.getByText("and live again").waitFor();
  assert.equal(await page.locator("#m").count(), 1);
});

async function visit(
  t: TestContext,
  script: "stock" | "kit",
  attributes = "",
  options: MercureOptions = {},
): Promise<Visit> {
  const folder = createProject(t, {
    "templates/page.njk":
      "<!doctype html><head>{{ mercure_scripts() }}</head><body>" +
      '<p id="elsewhere"></p><button id="away" hx-get="/away" hx-target="body" hx-push-url="true">away</button>' +
      `<% MercureStream topic="messages" id="stream" ${attributes} %></body>`,
  });
  const app = express();
  const requests: { url: string; authorization: string | undefined }[] = [];
  const sockets: Socket[] = [];
  let away = false;
  app.use((req, res, next) => {
    res.set("Content-Security-Policy", "default-src 'self'");
    if (req.path !== "/.well-known/mercure") return next();
    requests.push({ url: req.url, authorization: req.get("Authorization") });
    sockets.push(req.socket);
    if (!away) return next();
    away = false;
    res.sendStatus(502);
  });
  const folders = { templates: join(folder, "templates"), components: join(folder, "components") };
  const kit = mercure(app, { ...folders, secret, ...options });
  app.get("/", (_req, res) => {
    res.render("page.njk", (error: Error | null, html: string) => {
      if (error) throw error;
      const ours = /<script [^>]*\/(?:mercure|hints)-[\w-]{12}\.js[^>]*><\/script>/g;
      res.send(script === "stock" ? html.replaceAll(ours, "") : html);
    });
  });
  app.get("/away", (_req, res) => void res.send("<p>elsewhere</p>"));
  app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
  t.after(() => kit.close());
  const origin = await listening(t, createServer(app));

  const { page, errors } = await newWatchedPage(browser);
  t.after(() => page.context().close());
  await page.goto(origin);
  return {
    kit,
    page,
    requests,
    errors,
    interrupt() {
      away = true;
      for (const socket of sockets) socket.destroy();
    },
    async say(html) {
      // Makes the browser's own EventSource reconnect as soon as the library's.
      await kit.sse.publish("messages", html, { retry: 100 });
      await page
        .getByText(html.replaceAll(/<[^>]*>/g, ""), { exact: true })
        .last()
        .waitFor({ state: "attached" });
    },
    items: () => page.locator("#stream > p").allTextContents(),
  };
}
