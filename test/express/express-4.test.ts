import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import type { Application } from "express";
import express from "express";
import { MercureError, mercure } from "../../src/index.js";
import { secret } from "../support/application.js";

const express4 = createRequire(import.meta.url)("express4") as () => Application;

/** The error names the version and the remedy, and no internals of the library. */
function assertNeedsExpress5(error: unknown): true {
  assert.ok(error instanceof MercureError);
  assert.equal(error.code, "ERR_OPTION");
  assert.match(error.message, /needs Express 5.*Express 4.*npm install express@5/);
  return true;
}

describe("an application of Express 4", () => {
  test("is an error that names Express 5 and the command that installs it", () => {
    assert.throws(() => mercure(express4(), { secret }), assertNeedsExpress5);
  });

  test("is the same error after its first route, and again at the second call", () => {
    const app = express4();
    app.get("/", (_req, res) => void res.send("hello"));
    assert.throws(() => mercure(app, { secret }), assertNeedsExpress5);
    assert.throws(() => mercure(app, { secret }), assertNeedsExpress5);
  });

  test("stays usable below an application of Express 5 that has the library", async (t) => {
    const app = express();
    const { close } = mercure(app, { secret, logger: { warn: () => {}, error: () => {} } });
    const old = express4();
    old.get("/hello", (_req, res) => void res.send("hello"));
    app.use("/old", old);
    const server = app.listen(0, "127.0.0.1");
    t.after(async () => {
      await close();
      server.close();
    });
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as import("node:net").AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/old/hello`);
    assert.equal(await response.text(), "hello");
  });
});
