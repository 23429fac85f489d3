import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import libsql from "libsql";
import { LmdbTransport } from "../../../src/transport/lmdb/lmdb.js";
import { faultsOf, type Heard } from "../../faults/checker.js";
import { bundledProgram } from "../../support/bundled-program.js";
import { until } from "../../support/until.js";

const program = bundledProgram(new URL("relay-program.ts", import.meta.url));

test("kill -9 of a relay at any instant loses and repeats nothing that was committed, and keeps its order", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "outbox-kill-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "app.db");
  const database = new libsql(file, { timeout: 60_000 });
  t.after(() => database.close());
  database.pragma("journal_mode = WAL");
  const committed: string[] = [];
  const sent: string[] = [];
  const transport = new LmdbTransport({ path: join(folder, "history") });
  t.after(() => transport.close());
  await transport.ready;
  const heard: Heard[] = [];
  transport.listen({ update: ({ position, update }) => heard.push({ position, data: update.data }) });

  /** Runs a process; kills it once it has committed, and others have heard, some updates. */
  const run = async (name: string, count: number, isDone: (lines: number) => boolean | Promise<boolean>) => {
    sent.push(...Array.from({ length: count }, (_, index) => `${name} ${index}`));
    const args = [program, file, join(folder, "history"), name, String(count)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit");
    let lines = 0;
    createInterface(child.stdout).on("line", (line) => {
      committed.push(line);
      lines++;
    });
    await until(() => isDone(lines));
    child.kill("SIGKILL");
    await ended;
  };
  for (let round = 0; round < 4; round++) {
    const before = heard.length;
    await run(`round ${round}`, 10_000, (lines) => lines > 20 + 7 * round && heard.length > before);
  }
  const isEmpty = () => {
    const rows = database.prepare("select count(*) as count from mercure_outbox").all() as { count: number }[];
    return rows[0]!.count === 0;
  };
  await run("last", 1, (lines) => lines === 1 && isEmpty());
  await until(() => heard.some(({ data }) => data === "last 0"));

  const head = transport.head;
  const nodes = [{ name: "reader", from: 0, to: head, heard, gaps: [] }];
  assert.deepEqual(faultsOf({ sent, acknowledged: committed, nodes }), []);
  const numbers = heard.map(({ data }) => sent.indexOf(data));
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => a - b),
  );
});
