import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, afterEach, before, beforeEach, describe } from "node:test";
import { build } from "esbuild";
import type { Browser, BrowserContextOptions, LaunchOptions, Page } from "playwright-core";
import { allHtmxLines, htmxLines, isQuick } from "../support/depth.js";
import { launchChromium, newWatchedPage, patience } from "./chromium.js";
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

/** A line of htmx. */
export type Line = 2 | 4;

/** The scripts of htmx in each line. */
const scripts: Record<Line, Record<string, string>> = {
  2: {
    "htmx.js": require.resolve("htmx.org/dist/htmx.min.js"),
    "idiomorph.js": require.resolve("idiomorph/dist/idiomorph-ext.js"),
    "sse.js": require.resolve("htmx-ext-sse/sse.js"),
  },
  4: {
    "htmx.js": require.resolve("htmx4/dist/htmx.min.js"),
    "history.js": require.resolve("htmx4/dist/ext/hx-history-cache.min.js"),
    "sse.js": require.resolve("htmx4/dist/ext/hx-sse.min.js"),
  },
};

/** The scripts of a page, in the order of `mercure_scripts()`. */
const order: Record<Line, readonly string[]> = {
  2: ["test.js", "htmx.js", "sse.js", "mercure.js"],
  4: ["test.js", "htmx.js", "history.js", "mercure.js", "sse.js"],
};

/** By the line of htmx: the files of its pages. A process can run several test files. */
const assets: Partial<Record<Line, Promise<Record<string, string>>>> = {};

/** Runs the tests of a file on each line of htmx, with their own fixture. Outside CI there is one line. */
export function onBothLines(tests: (fixture: ClientFixture) => void, options?: LaunchOptions): void {
  for (const line of htmxLines) describe(`on htmx ${line}`, () => tests(new ClientFixture(options, line)));
}

/** Runs them on htmx 4 outside CI, so that both lines are tested there too. */
export function onBothLinesOr4(tests: (fixture: ClientFixture) => void): void {
  const lines = isQuick ? [4 as const] : allHtmxLines;
  for (const line of lines) describe(`on htmx ${line}`, () => tests(new ClientFixture(undefined, line)));
}

/**
 * One browser for a test file and a server for each test. An error in a page's console fails the test, unless the test
 * announces it by {@link ClientFixture.expectErrors}.
 */
export class ClientFixture {
  server!: StreamServer;
  readonly line: Line;
  #browser!: Browser;
  #assets!: Record<string, string>;
  #errors: (readonly string[])[] = [];
  #expected: RegExp | undefined;

  constructor(options?: LaunchOptions, line: Line = 2) {
    this.line = line;
    before(async () => {
      assets[line] ??= loadAssets(line);
      this.#assets = await assets[line];
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

  /** Serves a document with the three scripts under a strict policy; its body is created again for each request. */
  serve(path: string, body: string | (() => string)): void {
    this.server.serve(path, () => ({
      status: 200,
      headers: policy,
      body: documentOf(this.line, typeof body === "string" ? body : body()),
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

  /** The markup of a stream, as the library's own component writes it. */
  readonly stream = (options: StreamOptions = {}): string => {
    const { tag = "div", id = "feed", swap = "beforeend", attributes = "", content = "" } = options;
    const { connect = "/hub?topic=messages&lastEventID=start" } = options;
    return `<${tag} id="${id}" class="mercure-stream" ${this.connection(connect)} ${this.types("message")} hx-swap="${swap}"
      hx-target="this" hx-disinherit="hx-swap hx-target" ${attributes}>${content}</${tag}>`;
  };

  /** The attributes of an element that receives the types. */
  types(types: string): string {
    return this.line === 2 ? `sse-swap="${types}"` : `data-mercure-type="${types}"`;
  }

  /** A part of a page whose streams can morph. On htmx 2 the extension idiomorph does that. */
  morphing(body: string): string {
    return this.line === 2 ? `<div hx-ext="morph">${body}</div><script defer src="/idiomorph.js"></script>` : body;
  }

  /** The attributes of an element with a connection. */
  connection(url: string): string {
    const attributes = Object.entries(this.#connection(url)).map(([name, value]) => {
      return `${name}="${value.replaceAll("&", "&amp;")}"`;
    });
    const extension = this.line === 2 ? 'hx-ext="sse"' : "hx-config='sse.pauseOnBackground:false'";
    return `${extension} ${attributes.join(" ")}`;
  }

  /** A script that connects the feed to another URL, as new markup does. */
  reconnect(url: string): string {
    return Object.entries(this.#connection(url))
      .map(([name, value]) => `feed.setAttribute("${name}", ${JSON.stringify(value)});`)
      .join("");
  }

  /** The name of the attribute with the URL of a connection. */
  get connectAttribute(): string {
    return this.line === 2 ? "sse-connect" : "hx-sse:connect";
  }

  /** In htmx 4 the position has an attribute of its own. */
  #connection(url: string): Record<string, string> {
    const [, start, position, end] = /^(.*)&lastEventID=([^&#]*)(.*)$/.exec(url) ?? [];
    if (this.line === 2 || position === undefined) return { [this.connectAttribute]: url };
    return { [this.connectAttribute]: `${start}${end}`, "data-mercure-position": decodeURIComponent(position) };
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

/**
 * Polls a check until it passes, and throws its last error when the page's time is over. `until` of test/support needs a
 * condition instead, and names no step.
 */
export async function eventually(check: () => Promise<void> | void): Promise<void> {
  const end = Date.now() + patience;
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

/** Kills the server and restarts it. The page shows the updates before, meanwhile and after, once each. */
export async function outlivesServer(fixture: ClientFixture, page: Page): Promise<void> {
  const publish = (text: string) => fixture.server.publish(`<p>${text}</p>`);
  await fixture.connected();
  publish("before");
  await shows(page, "#feed p", ["before"]);
  await fixture.server.kill();
  publish("meanwhile");
  await fixture.server.start();
  await fixture.connected();
  publish("after");
  await shows(page, "#feed p", ["before", "meanwhile", "after"]);
}

async function loadAssets(line: Line): Promise<Record<string, string>> {
  const bundle = await build({
    entryPoints: [`src/client/${clientOf(line)}.ts`, "src/client/mercure.css"],
    bundle: true,
    format: "iife",
    target: "es2022",
    minify: true,
    write: false,
    outdir: "/",
  });
  const [script = "", style = ""] = bundle.outputFiles.map(({ text }) => text);
  const files = Object.entries(scripts[line]).map(async ([name, file]) => [`/${name}`, await readFile(file, "utf8")]);
  return {
    ...Object.fromEntries(await Promise.all(files)),
    "/mercure.js": script,
    "/mercure.css": style,
    "/test.css": styles,
    "/test.js": log,
  };
}

function clientOf(line: Line): string {
  return line === 2 ? "mercure" : "mercure4";
}

function documentOf(line: Line, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Test</title>
  <link rel="stylesheet" href="/mercure.css">
  <link rel="stylesheet" href="/test.css">
  ${order[line].map((name) => `<script defer src="/${name}"></script>`).join("\n  ")}
</head>
<body>${body}</body>
</html>`;
}
