import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { MercureOptions } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";
import { reverseProxy } from "../support/reverse-proxy.js";

const hubPath = "/.well-known/mercure";

/** A server that records all requests. */
async function eavesdropper(t: TestContext) {
  const heard: string[] = [];
  const server = createServer((req, res) => {
    heard.push(`${req.method} ${req.url} ${req.headers.authorization}`);
    res.end("urn:x:taken");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, heard };
}

/** An application whose hub shares its host: a proxy sends one path to the hub and the rest to the application. */
async function start(t: TestContext, options: MercureOptions = {}, otherHosts: string[] = []) {
  const remote = application(t, {}, { hub: { allowPublish: true } });
  const hubOrigin = await remote.listen();
  let appOrigin = "";
  const origin = await reverseProxy(t, (path) => (path.startsWith(hubPath) ? hubOrigin : appOrigin));
  const trustedHosts = [new URL(origin).host, ...otherHosts];
  const files = { "templates/index.njk": '<% MercureStream topic="messages" private %>' };
  const { app, kit, errors, listen } = application(t, files, { hubUrl: true, trustedHosts, ...options });
  app.get("/", (_req, res) => res.render("index.njk"));
  app.post("/publish", async (_req, res) => {
    try {
      res.send(await kit.sse.publish("messages", "hello", { private: true }));
    } catch (error) {
      res.status(500).send(String(error));
    }
  });
  appOrigin = await listen();
  return { ...kit, origin, appOrigin, errors };
}

/** A request with a host of its choice. */
function ask(origin: string, method: string, path: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request(origin + path, { method, headers: { Host: host }, agent: false }, async (res) => {
      resolve((await res.setEncoding("utf8").toArray()).join(""));
    });
    req.once("error", reject).end();
  });
}

describe("a hub at the host of the request", () => {
  test("accepts updates, and streams from a relative URL", async (t) => {
    const { appOrigin, origin, sse } = await start(t);
    const { host } = new URL(origin);
    const html = await ask(appOrigin, "GET", "/", host);
    assert.match(html, /sse-connect="\/\.well-known\/mercure\?topic=messages/);
    const stream = await openStream(t, streamUrlOf(html, origin));
    const id = await ask(appOrigin, "POST", "/publish", host);
    assert.deepEqual(await stream.next(), { id, event: undefined, data: "hello" });
    const outside = await sse.publish("messages", "outside of a request");
    assert.deepEqual(await stream.next(), { id: outside, event: undefined, data: "outside of a request" });
  });

  test("can be one of several: each request publishes to its own", async (t) => {
    const other = await eavesdropper(t);
    const { appOrigin } = await start(t, { development: false }, [`127.0.0.1:${other.port}`]);
    assert.equal(await ask(appOrigin, "POST", "/publish", `127.0.0.1:${other.port}`), "urn:x:taken");
    assert.match(
      other.heard.join(),
      /^POST \/\.well-known\/mercure Bearer eyJ[^,]+$/,
      "the library follows the first alone",
    );
  });

  // A client chooses the host of its request: with the name of its own server, it would get a token for everything.
  for (const development of [false, true]) {
    const where = development ? "development" : "production";
    test(`gets no token for another server in the Host header, in ${where}`, async (t) => {
      const thief = await eavesdropper(t);
      const { appOrigin, origin } = await start(t, { development });
      const { port, host } = { port: thief.port, host: new URL(origin).host };
      // The system resolves this name to the thief; in development a loopback name would be trusted.
      const names = [
        `attacker.invalid:${port}`,
        `${host}.attacker.invalid:${port}`,
        `${host}@attacker.invalid:${port}`,
      ];
      if (!development) names.push(`127.0.0.1:${port}`, `localhost:${port}`);
      for (const name of names) {
        const answer = await ask(appOrigin, "POST", "/publish", name);
        assert.match(answer, /is not trusted, and received nothing: list the hub's hosts in the option trustedHosts/);
        assert.match(await ask(appOrigin, "GET", "/", name), /sse-connect="\/\.well-known\/mercure\?/);
      }
      assert.deepEqual(thief.heard, []);
    });
  }

  // Behind a trusted proxy, `X-Forwarded-Host` counts, and clients can write it as well.
  test("gets no token for another server in X-Forwarded-Host", async (t) => {
    const thief = await eavesdropper(t);
    const remote = application(t, {}, { hubUrl: true, trustedHosts: ["shop.example"], development: false });
    remote.app.set("trust proxy", true);
    remote.app.post("/", async (_req, res) => {
      const failure = await remote.kit.sse.publish("a", "x").catch((error: unknown) => error);
      res.send(String(failure));
    });
    const origin = await remote.listen();
    const headers = { "X-Forwarded-Host": `127.0.0.1:${thief.port}` };
    const answer = await fetch(origin, { method: "POST", headers });
    assert.match(await answer.text(), /is not trusted/);
    assert.deepEqual(thief.heard, []);
  });

  test("is this machine in development by default", async (t) => {
    const { appOrigin, origin, sse } = await start(t, { trustedHosts: undefined, development: true });
    await assert.rejects(sse.publish("messages", "x"), {
      code: "ERR_PUBLISH",
      message: /^The hub's host is unknown outside a request/,
    });
    const { host } = new URL(origin);
    assert.match(await ask(appOrigin, "POST", "/publish", host), /^urn:uuid:/);
  });
});
