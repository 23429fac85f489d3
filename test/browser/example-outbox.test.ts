// No line of htmx: this file asks the server alone.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import libsql from "libsql";

const variables = ["MERCURE_TRANSPORT_URL", "SSE_REDIS_URL", "REDIS_URL"];

/** Starts the example app with a file as its database. Resolves to its URL once it listens. */
async function start(t: TestContext, file: string, history: string): Promise<string> {
  const env = { ...process.env, PORT: "0", DATABASE: file, SECRET_KEY: "k".repeat(32), MERCURE_TRANSPORT_URL: history };
  for (const name of variables.slice(1)) delete env[name as keyof typeof env];
  const child = spawn(process.execPath, ["--import", "tsx", "example-app/server.ts"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  for await (const line of createInterface(child.stdout)) {
    const url = /listening on (http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error("The example app ended before it listened.");
}

function newFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "example-outbox-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "example.db");
}

const add = (url: string, title: string) =>
  fetch(`${url}/todos`, { method: "POST", body: new URLSearchParams({ title }), redirect: "manual" });

test("the example app saves a to-do only together with its message", async (t) => {
  const file = newFile(t);
  const url = await start(t, file, "memory");
  assert.equal((await add(url, "Saved with its message")).status, 303);
  const database = new libsql(file, { timeout: 60_000 });
  t.after(() => database.close());
  database.exec("create trigger no_room before insert on mercure_outbox begin select raise(abort, 'no room'); end");
  assert.equal((await add(url, "Has no message")).status, 500);
  database.exec("drop trigger no_room");
  assert.equal((await add(url, "Saved again")).status, 303);
  const titles = database
    .prepare("select title from todo_item where title like '%essage' or title like 'Saved%'")
    .all();
  assert.deepEqual(titles, [{ title: "Saved with its message" }, { title: "Saved again" }]);
});

test("several processes of the example app create its database at once, with its content once", async (t) => {
  const file = newFile(t);
  await Promise.all(Array.from({ length: 3 }, () => start(t, file, "memory")));
  const database = new libsql(file, { timeout: 60_000 });
  t.after(() => database.close());
  assert.deepEqual(database.prepare("select count(*) as count from message").all(), [{ count: 1 }]);
  assert.deepEqual(database.prepare("select count(*) as count from todo_item").all(), [{ count: 4 }]);
});
