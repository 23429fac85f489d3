import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LmdbTransport } from "../../../src/transport/lmdb/lmdb.js";
import { bundledProgram } from "../../support/bundled-program.js";

const program = bundledProgram(new URL("exit-program.ts", import.meta.url));

// A thread of lmdb waits for the main thread, and process.exit waits for the threads.
for (let turns = 0; turns < 6; turns++) {
  test(`A process that exits ${turns} turns after a publish ends, and leaves a whole and free history`, async (t) => {
    const path = mkdtempSync(join(tmpdir(), "htmx-mercure-exit-"));
    const child = spawn(process.execPath, [program, path, `${turns}`], { stdio: "inherit" });
    t.after(() => {
      child.kill("SIGKILL");
      rmSync(path, { recursive: true, force: true, maxRetries: 10 });
    });
    const [code, signal] = await once(child, "exit");
    assert.ok(code === 0 || signal === "SIGKILL", `${code} ${signal}`);
    const transport = new LmdbTransport({ path });
    t.after(() => transport.close());
    await transport.ready;
    await transport.publish({ topics: ["a"], data: "after", private: false });
    const held = (await transport.read({ topics: "*", after: 0 })).updates.map(({ update }) => update.data);
    assert.deepEqual([held[0], held.at(-1)], ["kept", "after"]);
  });
}
