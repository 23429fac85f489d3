import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before, beforeEach, describe } from "node:test";
import { setTimeout } from "node:timers/promises";
import Database from "libsql";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { streamUrlOf } from "../support/application.js";
import { htmxLines } from "../support/depth.js";
import { freePort } from "../support/free-port.js";
import { launchChromium, newWatchedPage, type WatchedPage } from "./chromium.js";

/** The log lines of a browser when a server is away or refuses a form, as in some tests here. */
const foreseen =
  /net::ERR_|reconnects in|ended for good|status of (401|404|413|422|503)|Error Code (413|422)|htmx:(sendError|afterRequest|error: Failed to fetch)/;

/** The line of htmx that the app serves. */
export let line: 2 | 4;
let browser: Browser;
let folder: string;
export let app: App;
let untouched: Rows;
export let visits: WatchedPage[];

/**
 * Runs the tests of a file on each line of htmx. The app has its own process, and its initial data before each test.
 */
export function onBothLines(tests: () => void): void {
  for (const each of htmxLines) {
    describe(`on htmx ${each}`, () => {
      before(async () => {
        line = each;
        browser = await launchChromium();
        folder = await mkdtemp(join(tmpdir(), "example-app-"));
        app = await start(await freePort());
        untouched = readDatabase();
      });
      after(async () => {
        await browser.close();
        await app.end("SIGKILL");
        await rm(folder, { recursive: true });
      });
      beforeEach(async () => {
        visits = [];
        if (!app.running) app = await start(await freePort());
        writeDatabase(untouched);
      });
      afterEach(async () => {
        const errors = visits.flatMap((visit) => visit.errors).filter((error) => !foreseen.test(error));
        for (const { page } of visits) await page.context().close();
        assert.deepEqual(errors, [], "errors in a page's console");
      });
      tests();
    });
  }
}

/** Restarts the app at the same place, with changes of its environment. */
export async function startAgain(changes: NodeJS.ProcessEnv = {}): Promise<void> {
  app = await start(app.port, changes);
}

export interface App {
  readonly url: string;
  readonly port: number;
  readonly running: boolean;
  /** Resolves, once the process is gone, to its exit code. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

const command = ["--import", "tsx", "example-app/server.ts"];

function environment(port: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PORT: port,
    DATABASE: join(folder, "example.db"),
    SECRET_KEY: "k".repeat(32),
    HTMX: `${line}`,
  };
}

/** Runs the app at a port that it cannot use, and waits for its end. */
export function run(port: string) {
  return spawnSync(process.execPath, command, { env: environment(port), encoding: "utf8" });
}

async function start(port: number, changes: NodeJS.ProcessEnv = {}): Promise<App> {
  const server = spawn(process.execPath, command, {
    env: { ...environment(String(port)), ...changes },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(server, "exit") as Promise<[number | null]>;
  for await (const line of createInterface(server.stdout)) {
    const url = /listening on (http:\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    return {
      url,
      port: Number(new URL(url).port),
      get running() {
        return server.exitCode === null && server.signalCode === null;
      },
      async end(signal) {
        server.kill(signal);
        const [code] = await gone;
        return code;
      },
    };
  }
  throw new Error("The example app ended before it listened.");
}

type Rows = Record<string, Record<string, unknown>[]>;

/** Opens the app's database. A statement waits while the app writes. */
function openDatabase() {
  return new Database(join(folder, "example.db"), { timeout: 5000 });
}

/** The rows of the database. The app reads it for each request, so that one process serves all tests. */
function readDatabase(): Rows {
  const database = openDatabase();
  const rows = (table: string) => database.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
  const all = {
    message: rows("message"),
    todo_item: rows("todo_item"),
    person: rows("person"),
    private_message: rows("private_message"),
  };
  database.close();
  return all;
}

function writeDatabase(tables: Rows): void {
  const database = openDatabase();
  for (const [table, rows] of Object.entries(tables)) {
    database.exec(`DELETE FROM ${table}`);
    for (const row of rows) {
      const columns = Object.keys(row);
      const values = columns.map(() => "?").join();
      database.prepare(`INSERT INTO ${table} (${columns.join()}) VALUES (${values})`).run(...Object.values(row));
    }
  }
  database.close();
}

/** Changes the time of a person's last request. */
export function setSeenAt(name: string, date: Date): void {
  const database = openDatabase();
  const seenAt = date.toISOString().replace("T", " ").replace("Z", "");
  database.prepare("UPDATE person SET seenAt = ? WHERE name = ?").run(seenAt, name);
  database.close();
}

/** The time of a person's last request or stream. */
export function seenAt(name: string): Date {
  const person = readDatabase().person?.find((row) => row.name === name);
  return new Date(`${person?.seenAt}Z`);
}

/** A visitor of their own: a page that shares no cookie with others. */
export async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const watched = await newWatchedPage(browser, options);
  visits.push(watched);
  await watched.page.goto(app.url + path);
  return watched.page;
}

/** The selector of an element that receives messages of a type. */
export function receiver(type: string): string {
  return line === 2 ? `[sse-swap=${type}]` : `[data-mercure-type=${type}]`;
}

/** Waits until an expression, evaluated in the page, is true. */
export async function until(page: Page, expression: string): Promise<void> {
  // Not page.waitForFunction(), which the pages' Content-Security-Policy forbids.
  while (!(await page.evaluate(expression))) await setTimeout(20);
}

/** Lets requests to a path wait until told; `waiting` resolves with the first. */
export async function holdUp(page: Page, path: string) {
  const waiting = page.waitForRequest(`**${path}`);
  let decide = (_verdict: "release" | "refuse") => {};
  const verdict = new Promise<"release" | "refuse">((resolve) => {
    decide = resolve;
  });
  await page.route(`**${path}`, async (route) => {
    if ((await verdict) === "release") await route.continue();
    else await route.abort();
  });
  return { waiting, release: () => decide("release"), refuse: () => decide("refuse") };
}

/** @param author - The pages of signed-in people lack this field. */
export async function say(page: Page, author: string | undefined, text: string): Promise<void> {
  if (author !== undefined) await page.getByLabel("Your name").fill(author);
  await write(page, text);
}

export async function write(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByLabel("Message", { exact: true }).press("Enter");
  await heard(page, text);
}

export async function heard(page: Page, text: string): Promise<void> {
  await page.locator(".message .text").getByText(text, { exact: true }).first().waitFor();
}

export function said(page: Page): Promise<string[]> {
  return page.locator(".message .text").allInnerTexts();
}

export async function signIn(page: Page, name: string): Promise<void> {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText(`You are ${name}`).waitFor();
}

/** The URL of the stream, with its token, in the page that the server sends the visitor. */
export async function streamOf(page: Page, address: string): Promise<string> {
  const response = await page.context().request.get(address);
  return streamUrlOf(await response.text(), app.url);
}

export function post(
  path: string,
  body: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(app.url + path, { method: "POST", body: new URLSearchParams(body), redirect: "manual", headers });
}
