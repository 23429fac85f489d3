import assert from "node:assert/strict";
import { describe, test } from "node:test";
import express from "express";
import { application } from "../support/application.js";

describe("body parsers before the library", () => {
  test("accept an update of 200 kB on the hub's path", async (t) => {
    const { kit, listen } = application(
      t,
      {},
      { hub: { allowPublish: true } },
      { before: (app) => app.use(express.text({ type: "*/*" })).use(express.raw({ type: "*/*" })) },
    );
    const origin = await listen();
    const headers = { Authorization: `Bearer ${kit.sse.createPublisherJwt("t")}` };
    const body = new URLSearchParams({ topic: "t", data: "x".repeat(200_000) });
    assert.equal((await fetch(`${origin}/.well-known/mercure`, { method: "POST", headers, body })).status, 200);
  });

  test("serve the application's routes, also below a path with the hub's ending", async (t) => {
    const { app, listen } = application(
      t,
      {},
      {},
      { before: (outer) => outer.use("/api", express.text({ type: "text/*" })) },
    );
    app.post(["/form", "/api/.well-known/mercure"], (req, res) => void res.send(req.body));
    const origin = await listen();
    const form = await fetch(`${origin}/form`, { method: "POST", body: new URLSearchParams({ a: "1" }) });
    assert.deepEqual(await form.json(), { a: "1" });
    const text = await fetch(`${origin}/api/.well-known/mercure`, { method: "POST", body: "text" });
    assert.equal(await text.text(), "text");
  });
});
