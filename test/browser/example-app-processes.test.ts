// One line of htmx is enough here: the processes share their updates on the server, whatever the page contains.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { freePort } from "../support/free-port.js";
import { PostgresServer, withoutPostgres } from "../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../support/redis.js";
import { until } from "../support/until.js";
import { launchChromium } from "./chromium.js";

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

/** The example app in two processes. */
class Processes {
  readonly urls: readonly string[];
  readonly #primary: ChildProcess;
  readonly #pids = new Map<string, number>();
  #output = "";

  private constructor(ports: readonly string[], env: NodeJS.ProcessEnv) {
    this.urls = ports.map((port) => `http://localhost:${port}`);
    this.#primary = spawn(
      process.execPath,
      ["--import", "tsx", new URL("two-processes-program.ts", import.meta.url).pathname, ...ports],
      { env, stdio: ["ignore", "pipe", "pipe"] },
    );
    createInterface(this.#primary.stdout!).on("line", (line) => {
      const [, port, pid] = /^worker (\d+) (\d+)$/.exec(line) ?? [];
      if (port !== undefined) this.#pids.set(`http://localhost:${port}`, Number(pid));
    });
    this.#primary.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
    });
  }

  static async start(t: TestContext, variables: NodeJS.ProcessEnv): Promise<Processes> {
    const folder = mkdtempSync(join(tmpdir(), "example-app-processes-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const { MERCURE_TRANSPORT_URL: _1, SSE_REDIS_URL: _2, REDIS_URL: _3, ...own } = process.env;
    const database = { DATABASE: join(folder, "example.db"), SECRET_KEY: "k".repeat(32) };
    const ports = [String(await freePort()), String(await freePort())];
    const processes = new Processes(ports, { ...own, ...database, ...variables });
    t.after(() => processes.#end());
    await until(() => processes.#pids.size === 2 || processes.#hasEnded);
    assert.ok(!processes.#hasEnded, processes.output);
    return processes;
  }

  get #hasEnded(): boolean {
    return this.#primary.exitCode !== null;
  }

  /** The errors and warnings of all processes. */
  get output(): string {
    return this.#output;
  }

  /** Kills the process behind a URL. Another one replaces it. */
  kill(url: string): void {
    const pid = this.#pids.get(url)!;
    this.#pids.delete(url);
    process.kill(pid, "SIGKILL");
  }

  async restarted(url: string): Promise<void> {
    await until(() => this.#pids.has(url));
  }

  async #end(): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.#primary, "exit");
    this.#primary.kill("SIGTERM");
    await ended;
  }
}

/** A window with the chat, whose stream is connected. */
async function openWindow(t: TestContext, url: string): Promise<Page> {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.addInitScript({
    content: 'window.gaps = 0; document.addEventListener("mercure:gap", () => window.gaps++);',
  });
  const connected = page.waitForResponse((response) => response.url().includes("/.well-known/mercure"));
  await page.goto(url);
  await connected;
  return page;
}

async function post(url: string, text: string): Promise<void> {
  const body = new URLSearchParams({ author: "Ada", text });
  const { status } = await fetch(`${url}/messages`, { method: "POST", body, redirect: "manual" });
  assert.ok(status < 400, `${status}`);
}

async function heard(page: Page, text: string): Promise<void> {
  await page.locator(".message .text").getByText(text, { exact: true }).first().waitFor();
}

const messages = (page: Page) => page.locator(".message .text").allInnerTexts();

async function showsOneHistory(t: TestContext, variables: NodeJS.ProcessEnv): Promise<void> {
  const processes = await Processes.start(t, variables);
  const [first, second] = processes.urls as [string, string];
  const pages = [await openWindow(t, first), await openWindow(t, second)];

  await post(first, "Written in the first");
  await post(second, "Written in the second");
  for (const page of pages) {
    for (const text of ["Written in the first", "Written in the second"]) await heard(page, text);
  }

  processes.kill(first);
  await post(second, "Written while the first was down");
  await processes.restarted(first);
  await post(first, "Written after the restart");
  for (const page of pages) {
    await heard(page, "Written after the restart");
    assert.deepEqual((await messages(page)).slice(1), [
      "Written in the first",
      "Written in the second",
      "Written while the first was down",
      "Written after the restart",
    ]);
    assert.equal(await page.evaluate("window.gaps"), 0);
  }
  assert.doesNotMatch(processes.output, /several processes|REDIS_URL/);
}

describe("the example app in two processes", () => {
  const claim = "shows each message once in the windows of both processes, and a killed process loses nothing";

  test(`${claim}: node:cluster with LMDB`, (t) => showsOneHistory(t, {}));

  test(`${claim}: pm2 with LMDB`, (t) => showsOneHistory(t, { WITH_PM2: "1" }));

  test(`${claim}: node:cluster with Redis`, { skip: withoutRedis }, async (t) => {
    const server = await RedisServer.start();
    t.after(() => server.stop());
    await showsOneHistory(t, { SSE_REDIS_URL: server.url });
    assert.equal(await server.command("EXISTS", "{mercure}:log"), 1);
  });

  test(`${claim}: node:cluster with PostgreSQL`, { skip: withoutPostgres }, async (t) => {
    const server = await PostgresServer.start();
    t.after(() => server.stop());
    const url = await server.createDatabase();
    await showsOneHistory(t, { MERCURE_TRANSPORT_URL: url });
    const [{ count }] = await server.query("select count(*)::int as count from mercure.history", [], url);
    assert.ok(count >= 4, `${count}`);
  });
});
