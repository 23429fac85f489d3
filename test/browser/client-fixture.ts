import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, afterEach, before, beforeEach } from "node:test";
import { build } from "esbuild";
import type { Browser, BrowserContextOptions, LaunchOptions, Page } from "playwright-core";
import { launchChromium, newWatchedPage } from "./chromium.js";
import { StreamServer } from "./stream-server.js";

const require = createRequire(import.meta.url);
const policy = { "Content-Security-Policy": "default-src 'self'" };

const styles = `
  body { font: 16px/20px sans-serif; }
  .feed { height: 200px; width: 300px; margin: 0; padding: 0; overflow-y: auto; }
  .feed > * { display: block; min-height: 40px; }
  .late { display: block; }
`;

/** Writes the client's events into the page, because they can come before a test listens. */
const log = `
  const output = document.getElementById("log");
  const write = ({ type, target, detail: { status, reason, requested, received } }) =>
    output?.append([type, target.id, status ?? reason, requested, received].filter((part) => part !== undefined).join(" ") + ";");
  for (const type of ["mercure:end", "mercure:error", "mercure:gap"]) document.addEventListener(type, write);
`;

/**
 * One browser for a test file and a server for each test. An error in a page's console fails the test, unless the test
 * announces it by {@link ClientFixture.expectErrors}.
 */
export class ClientFixture {
  server!: StreamServer;
  #browser!: Browser;
  #assets!: Record<string, string>;
  #errors: (readonly string[])[] = [];
  #expected: RegExp | undefined;

  constructor(options?: LaunchOptions) {
    before(async () => {
      this.#assets = await loadAssets();
      this.#browser = await launchChromium(options);
    });
    after(() => this.#browser.close());
    beforeEach(async () => {
      this.server = await new StreamServer().start();
      for (const [path, body] of Object.entries(this.#assets)) {
        const type = path.endsWith(".css") ? "text/css" : "text/javascript";
        this.server.serve(path, () => ({ status: 200, body, headers: { "Content-Type": type } }));
      }
      this.server.serve("/favicon.ico", () => ({ status: 204 }));
      this.#errors = [];
      this.#expected = undefined;
    });
    afterEach(async () => {
      await Promise.all(this.#browser.contexts().map((context) => context.close()));
      await this.server.kill();
      const unexpected = this.#errors.flat().filter((error) => !this.#expected?.test(error));
      assert.deepEqual(unexpected, [], "no page may write an error to its console");
    });
  }

  /** Serves a document with the three scripts under a strict policy; its body is made anew for each request. */
  serve(path: string, body: string | (() => string)): void {
    this.server.serve(path, () => ({
      status: 200,
      headers: policy,
      body: documentOf(typeof body === "string" ? body : body()),
    }));
  }

  async open(body: string | (() => string), options?: BrowserContextOptions): Promise<Page> {
    this.serve("/", body);
    const page = await this.newPage(options);
    await page.goto(`${this.server.origin}/`);
    return page;
  }

  async newPage(options?: BrowserContextOptions): Promise<Page> {
    const { page, errors } = await newWatchedPage(this.#browser, options);
    this.#errors.push(errors);
    return page;
  }

  /** The server is away or refuses: the browser logs that, and the extension logs the interrupted stream. */
  expectErrors(pattern: RegExp): void {
    this.#expected = pattern;
  }

  /** Resolves when the given number of streams is open, which means that the page has read all of its history. */
  async connected(streams = 1): Promise<void> {
    await this.server.when(() => this.server.open === streams);
  }
}

export interface StreamOptions {
  readonly tag?: string;
  readonly id?: string;
  readonly swap?: string;
  readonly connect?: string;
  readonly attributes?: string;
  readonly content?: string;
}

/** The markup of a stream, as the kit's own component writes it. */
export function stream({
  tag = "div",
  id = "feed",
  swap = "beforeend",
  connect = "/hub?topic=messages&lastEventID=start",
  attributes = "",
  content = "",
}: StreamOptions = {}): string {
  const url = connect.replaceAll("&", "&amp;");
  return `<${tag} id="${id}" class="mercure-stream" hx-ext="sse" sse-connect="${url}" sse-swap="message" hx-swap="${swap}"
    hx-target="this" hx-disinherit="hx-swap hx-target" ${attributes}>${content}</${tag}>`;
}

/** Retries the check until it passes. */
export async function eventually(check: () => Promise<void> | void): Promise<void> {
  const end = Date.now() + 10_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Waits until the elements have these texts. */
export async function shows(page: Page, selector: string, texts: string[]): Promise<void> {
  await eventually(async () => assert.deepEqual(await page.locator(selector).allTextContents(), texts));
}

async function loadAssets(): Promise<Record<string, string>> {
  const bundle = await build({
    entryPoints: ["src/client/mercure.ts", "src/client/mercure.css"],
    bundle: true,
    format: "iife",
    target: "es2022",
    minify: true,
    write: false,
    outdir: "/",
  });
  const [script = "", style = ""] = bundle.outputFiles.map(({ text }) => text);
  return {
    "/htmx.js": await readFile(require.resolve("htmx.org/dist/htmx.min.js"), "utf8"),
    "/sse.js": await readFile(require.resolve("htmx-ext-sse/sse.js"), "utf8"),
    "/mercure.js": script,
    "/mercure.css": style,
    "/test.css": styles,
    "/test.js": log,
  };
}

function documentOf(body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Test</title>
  <link rel="stylesheet" href="/mercure.css">
  <link rel="stylesheet" href="/test.css">
  <script defer src="/test.js"></script>
  <script defer src="/htmx.js"></script>
  <script defer src="/sse.js"></script>
  <script defer src="/mercure.js"></script>
</head>
<body>${body}</body>
</html>`;
}
