import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { open } from "lmdb";
import { LmdbTransport } from "../../../src/transport/lmdb/lmdb.js";

function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "lmdb-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function publish(path: string, ...data: string[]): Promise<void> {
  const transport = new LmdbTransport({ path });
  for (const each of data) await transport.publish({ topics: ["a"], data: each, private: false });
  await transport.close();
}

async function dataIn(path: string): Promise<string[]> {
  const transport = new LmdbTransport({ path });
  const { updates } = transport.read({ topics: "*", after: 0 });
  await transport.close();
  return updates.map(({ update }) => update.data);
}

const digestOf = (path: string) =>
  createHash("sha256")
    .update(readFileSync(join(path, "data.mdb")))
    .digest("hex");

/** Checks that a folder is refused, and that its file stays unchanged. */
function assertRefused(path: string, message: RegExp): void {
  const before = digestOf(path);
  assert.throws(() => new LmdbTransport({ path }), { code: "ERR_OPTION", message });
  assert.equal(digestOf(path), before);
}

describe("The folder of an LMDB history", () => {
  test("is created with its parents when it is missing", async (t) => {
    const path = join(temporaryFolder(t), "deep", "with.dot");
    await publish(path, "1");
    assert.deepEqual(await dataIn(path), ["1"]);
  });

  // Another user of the machine looks into the folder for private updates.
  test("is created for its owner alone", async (t) => {
    const path = join(temporaryFolder(t), "history");
    await publish(path, "1");
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });

  test("is refused, and not changed, when a newer version has written it", async (t) => {
    const path = temporaryFolder(t);
    await publish(path, "1");
    const environment = open({ path, noSubdir: false, overlappingSync: false });
    const meta = environment.openDB<number, string>({ name: "meta", encoding: "json" });
    await meta.put("format", 2);
    await environment.close();
    assertRefused(path, /has format 2, and this version of htmx-mercure reads format 1. Update htmx-mercure/);
    const again = open({ path, noSubdir: false, overlappingSync: false });
    await again.openDB<number, string>({ name: "meta", encoding: "json" }).put("format", 1);
    await again.close();
    assert.deepEqual(await dataIn(path), ["1"]);
  });

  test("is refused, and not changed, when it holds another program's LMDB file", async (t) => {
    const path = temporaryFolder(t);
    const environment = open<number, string>({ path, noSubdir: false, overlappingSync: false });
    await environment.put("theirs", 1);
    await environment.close();
    assertRefused(path, /is not a history of htmx-mercure. Choose another folder/);
  });

  test("is refused when its file was not written by LMDB", (t) => {
    const path = temporaryFolder(t);
    writeFileSync(join(path, "data.mdb"), "This is a text. ".repeat(1000));
    assertRefused(path, /data\.mdb is not a history of htmx-mercure, or it is damaged/);
  });

  // LMDB maps the file, and a page after the end of the file would end the process by SIGBUS.
  test("is refused when its file was cut off", async (t) => {
    const path = temporaryFolder(t);
    await publish(path, ...Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(3000)));
    const { length } = readFileSync(join(path, "data.mdb"));
    for (const size of [length >> 1, 20_000, 8192, 4096, 100]) {
      truncateSync(join(path, "data.mdb"), size);
      assertRefused(path, /damaged/);
    }
  });

  test("is used when its file is empty, as after a crash at the first start", async (t) => {
    const path = temporaryFolder(t);
    writeFileSync(join(path, "data.mdb"), "");
    await publish(path, "1");
    assert.deepEqual(await dataIn(path), ["1"]);
  });

  test("is refused when the path is a file", (t) => {
    const path = join(temporaryFolder(t), "file");
    writeFileSync(path, "");
    assert.throws(() => new LmdbTransport({ path }), { code: "ERR_OPTION", message: /it is a file, not a folder/ });
  });

  test("can be opened twice in one process, and closed in any order", async (t) => {
    const path = temporaryFolder(t);
    const [one, other] = [new LmdbTransport({ path }), new LmdbTransport({ path })];
    await Promise.all([one.ready, other.ready]);
    await one.publish({ topics: ["a"], data: "1", private: false });
    await one.close();
    await other.publish({ topics: ["a"], data: "2", private: false });
    await other.close();
    assert.deepEqual(await dataIn(path), ["1", "2"]);
  });

  test("needs the package lmdb, and names the command that installs it", () => {
    const program = `
      import { Module } from "node:module";
      const resolve = Module._resolveFilename;
      Module._resolveFilename = (name, ...rest) => {
        if (name === "lmdb") throw Object.assign(new Error("Cannot find module 'lmdb'"), { code: "MODULE_NOT_FOUND" });
        return resolve(name, ...rest);
      };
      const { LmdbTransport } = await import(${JSON.stringify(new URL("../../../src/transport/lmdb/lmdb.ts", import.meta.url).href)});
      try { new LmdbTransport({ path: ${JSON.stringify(join(tmpdir(), "never"))} }); }
      catch ({ code, message }) { console.log(code, message); }
    `;
    const args = ["--import", "tsx", "--input-type=module", "--eval", program];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.match(stdout, /^ERR_PACKAGE .*npm install lmdb/, stderr);
  });
});
