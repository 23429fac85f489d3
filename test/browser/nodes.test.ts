import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { PostgresServer, withoutPostgres } from "../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../support/redis.js";
import { end, nextLine } from "../support/server-process.js";
import { launchChromium } from "./chromium.js";

const program = fileURLToPath(new URL("node-program.ts", import.meta.url));

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

/** Starts a node of the application in a process of its own. */
async function start(t: TestContext, transport: string): Promise<{ origin: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ["--import", "tsx", program, transport], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(async () => {
    await end(child, "SIGKILL");
  });
  const origin = await nextLine(child);
  return { origin, child };
}

/** A browser of a person who has signed in. The cookies of a host are valid at each of its ports. */
async function signIn(t: TestContext, origin: string, user: string): Promise<BrowserContext> {
  const context = await browser.newContext();
  t.after(() => context.close());
  await (await context.newPage()).goto(`${origin}/sign-in?user=${user}`);
  return context;
}

async function open(context: BrowserContext, origin: string, locale: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${origin}/?locale=${locale}`);
  for (const id of ["room", "board"]) await isIn(page, id, "open");
  return page;
}

/** Waits until a stream of the page is in a state. */
async function isIn(page: Page, id: string, state: string): Promise<void> {
  await page.locator(`#${id}[data-mercure-state="${state}"]`).waitFor({ state: "attached" });
}

async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector).getByText(text, { exact: true }).waitFor({ timeout: 30_000 });
}

const stores = [
  {
    name: "LMDB",
    skip: false,
    open: async (t: TestContext) => {
      const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-nodes-"));
      t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
      return `lmdb:${folder}`;
    },
  },
  {
    name: "Redis",
    skip: withoutRedis,
    open: async (t: TestContext) => {
      const server = await RedisServer.start();
      t.after(() => server.stop());
      return `${server.url}?nodeTimeout=5`;
    },
  },
  {
    name: "PostgreSQL",
    skip: withoutPostgres,
    open: async (t: TestContext) => {
      const server = await PostgresServer.start();
      t.after(() => server.stop());
      return server.url;
    },
  },
] as const;

for (const { name, skip, open: openStore } of stores) {
  describe(`browsers on two processes over ${name}`, { skip }, () => {
    test("show the people and the variants of both, lose a person who signs out at once, and those of a process that dies", async (t) => {
      const transport = await openStore(t);
      const [a, b] = [await start(t, transport), await start(t, transport)];
      const [adas, graces] = [await signIn(t, a.origin, "ada"), await signIn(t, b.origin, "grace")];
      const ada = await open(adas, a.origin, "de");
      const adaAtB = await open(adas, b.origin, "de");
      const grace = await open(graces, b.origin, "en");
      const graceAtA = await open(graces, a.origin, "fr");
      for (const page of [ada, adaAtB, grace, graceAtA]) await shows(page, "#people", "ada grace");

      await fetch(`${a.origin}/price?amount=1234.5`, { method: "POST" });
      await shows(ada, "#board", "1.234,5");
      await shows(adaAtB, "#board", "1.234,5");
      await shows(grace, "#board", "1,234.5");
      await shows(graceAtA, "#board", "1\u202f234,5");

      await ada.evaluate("fetch('/sign-out', { method: 'POST' })");
      for (const page of [ada, adaAtB]) await isIn(page, "room", "ended");
      for (const page of [grace, graceAtA]) await shows(page, "#people", "grace");

      const alan = await open(await signIn(t, a.origin, "alan"), a.origin, "en");
      for (const page of [alan, grace]) await shows(page, "#people", "alan grace");
      a.child.kill("SIGKILL");
      await shows(grace, "#people", "grace");
      await isIn(grace, "room", "open");
    });
  });
}
