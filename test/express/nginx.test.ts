import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { application, streamUrlOf } from "../support/application.js";
import { BrowserSession } from "../support/browser-session.js";
import { openStream } from "../support/event-stream.js";
import { startNginx, withoutNginx } from "../support/proxies.js";
import { end, nextLine } from "../support/server-process.js";

function behindNginx(t: TestContext, upstream: string, headers: string): Promise<string> {
  return startNginx(t, `location / { proxy_pass ${upstream}; proxy_http_version 1.1; ${headers} }`);
}

async function listening(t: TestContext, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const cases = [
  { name: "the documented settings", headers: "proxy_set_header Host $http_host;", status: 200 },
  {
    name: "X-Forwarded-Host from a trusted proxy",
    headers: "proxy_set_header X-Forwarded-Host $http_host;",
    trust: true,
    status: 200,
  },
  { name: "a host without its port", headers: "proxy_set_header Host $host;", status: 403 },
  { name: "X-Forwarded-Host from anybody", headers: "proxy_set_header X-Forwarded-Host $http_host;", status: 403 },
];

for (const { name, headers, trust = false, status } of cases) {
  test(`a stream over plain HTTP behind nginx with ${name} ${status === 200 ? "gets a new token" : "is refused one with a warning"}`, {
    skip: withoutNginx,
  }, async (t) => {
    const { app, listen, warnings } = application(
      t,
      { "templates/index.njk": `<% MercureStream topic="a" private %>` },
      { authorize: () => true },
    );
    app.set("trust proxy", trust);
    app.get("/", (_req, res) => res.render("index"));
    const origin = await behindNginx(t, await listen(), headers);
    const stream = new URL(streamUrlOf(await (await fetch(origin)).text(), origin));
    const renew = (from: string) =>
      fetch(`${origin}/.well-known/mercure/renewal`, {
        method: "POST",
        headers: { Authorization: `Bearer ${stream.searchParams.get("authorization")}`, Origin: from },
      });
    assert.equal((await renew(origin)).status, status);
    assert.equal((await renew("http://elsewhere.example")).status, 403);
    assert.equal(warnings.filter((warning) => warning.includes("Host $http_host")).length, 1);
  });
}

// A proxy that passes a host of its own hides the origin of the page from the request.
test("a stream behind nginx with a host of its own gets a new token by the origin of an absolute publicHubUrl", {
  skip: withoutNginx,
}, async (t) => {
  let handle: RequestListener = (_req, res) => void res.end();
  const upstream = createServer((req, res) => handle(req, res));
  const origin = await behindNginx(t, await listening(t, upstream), "proxy_set_header Host app.internal;");
  const { app } = application(
    t,
    { "templates/index.njk": `<% MercureStream topic="a" private %>` },
    { authorize: () => true, publicHubUrl: `${origin}/.well-known/mercure` },
  );
  app.get("/", (_req, res) => res.render("index"));
  handle = app;
  const stream = new URL(streamUrlOf(await (await fetch(origin)).text(), origin));
  for (const [from, status] of [
    [origin, 200],
    ["http://elsewhere.example", 403],
  ] as const) {
    const renewal = await fetch(`${origin}/.well-known/mercure/renewal`, {
      method: "POST",
      headers: { Authorization: `Bearer ${stream.searchParams.get("authorization")}`, Origin: from },
    });
    assert.equal(renewal.status, status);
  }
});

test("the example app behind nginx with the documented settings accepts a browser's posts by its Origin, and refuses those of another site", {
  skip: withoutNginx,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-example-"));
  const server = spawn(process.execPath, ["--import", "tsx", "example-app/server.ts"], {
    env: { ...process.env, PORT: "0", DATABASE: join(folder, "example.db"), SECRET_KEY: "k".repeat(32) },
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(async () => {
    await end(server, "SIGKILL");
    rmSync(folder, { recursive: true });
  });
  const line = await nextLine(server);
  const upstream = /http:\S+/.exec(line)![0].replace("localhost", "127.0.0.1");
  const documented = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;";
  const origin = await behindNginx(t, upstream, documented);
  const post = async (from: string, title: string) => {
    const body = new URLSearchParams({ title });
    const headers = { Origin: from };
    return (await fetch(`${origin}/todos`, { method: "POST", body, headers, redirect: "manual" })).status;
  };
  assert.equal(await post(origin, "Buy bread"), 303);
  assert.equal(await post("http://elsewhere.example", "Buy poison"), 403);
  const page = await (await fetch(`${origin}/todos`)).text();
  assert.match(page, /Buy bread/);
  assert.doesNotMatch(page, /Buy poison/);
});

// Each private page adds a cookie for the hub. Above 8 KiB nginx would refuse every request of the browser to the hub.
test("twenty private pages in cookie mode leave the hub behind nginx open for the browser", {
  skip: withoutNginx,
}, async (t) => {
  const { app, listen } = application(
    t,
    { "templates/index.njk": "<% MercureStream topic=topic private %>" },
    { protocol: 1, subjectGetter: () => "2f1c8a52-6d0e-4c7e", payloadGetter: () => ({ name: "Ada Lovelace" }) },
  );
  app.get("/:page", (req, res) => res.render("index", { topic: `conversations/${req.params.page}` }));
  const origin = await behindNginx(t, await listen(), "proxy_set_header Host $http_host;");
  const session = new BrowserSession();
  for (let page = 1; page <= 20; page++) {
    const url = streamUrlOf(await (await session.fetch(`${origin}/${page}`)).text(), origin).replace("#", "&");
    for (const each of [url, `${origin}/.well-known/mercure?match=news`]) {
      const stream = await openStream(t, each, { headers: session.headers(each) });
      assert.equal(stream.response.status, 200, `page ${page}: ${each}`);
      await stream.response.body?.cancel().catch(() => {});
    }
  }
});
