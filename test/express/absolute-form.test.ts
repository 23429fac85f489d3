// Request targets that are whole URLs, as clients send them to a proxy and some proxies pass them on. A server must accept
// them (RFC 9112, section 3.2.2). Each test writes the bytes itself, since clients write such targets only to proxies.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import express from "express";
import { startHub, token } from "../hub/fixture.js";
import { application } from "../support/application.js";

/** The head of the answer to a request with this target. */
async function headOf(t: TestContext, origin: string, method: string, target: string, more = ""): Promise<string> {
  const { hostname, port, host } = new URL(origin);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  socket.setEncoding("latin1").write(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
  let received = "";
  for await (const chunk of socket) {
    received += chunk;
    if (received.includes("\r\n\r\n")) break;
  }
  return received.split("\r\n\r\n", 1)[0]!;
}

describe("a hub", () => {
  const resource = "http://hub.example/.well-known/mercure";

  test("answers an absolute URL as the request target like the path", async (t) => {
    const { origin, hub } = await startHub(t, { resource, subscriptions: true });
    const jwt = await token({ subscribe: ["/.well-known/mercure/subscriptions"] });
    const targets = {
      [`${hub.path}?topic=a`]: "200 OK",
      [`${hub.path}/?topic=a`]: "200 OK",
      [`${hub.path}/openapi.json`]: "200 OK",
      [`${hub.path}/subscriptions`]: "200 OK",
      "/.well-known/oauth-protected-resource/.well-known/mercure": "200 OK",
      "/elsewhere": "404 Not Found",
      "": "404 Not Found",
      "?topic=a": "404 Not Found",
    };
    for (const [path, status] of Object.entries(targets)) {
      for (const base of [origin, "HTTP://hub.example", "https://hub.example:443"]) {
        const head = await headOf(t, origin, "GET", `${base}${path}`, `Authorization: Bearer ${jwt}\r\n`);
        assert.ok(head.startsWith(`HTTP/1.1 ${status}`), `${base}${path}: ${head}`);
      }
    }
  });

  // A host or a query that looks like the hub's path opens nothing: only the path counts.
  test("finds its path only in the path of a whole URL", async (t) => {
    const { origin, hub } = await startHub(t);
    for (const target of [`http://x?${hub.path}`, `http://x/y?u=http://x${hub.path}`]) {
      const head = await headOf(t, origin, "GET", target);
      assert.match(head, /^HTTP\/1\.1 404 /, target);
    }
  });
});

describe("an application", () => {
  for (const mount of ["", "/shop"]) {
    test(`serves hub, assets and renewal at whole URLs ${mount === "" ? "at the root" : `below ${mount}`}`, async (t) => {
      const { app, kit, listen } = application(
        t,
        { "templates/index.njk": "{{ mercure_scripts() }}" },
        { authorize: () => true, resource: "http://hub.example/.well-known/mercure" },
      );
      app.get("/", (_req, res) => res.render("index"));
      const origin = await listen(mount === "" ? undefined : express().use(mount, app));
      const [asset] = /\/mercure-assets\/mercure-[\w-]+\.js/.exec(await (await fetch(`${origin}${mount}/`)).text())!;
      const stream = await headOf(t, origin, "GET", `${origin}${mount}${kit.hub.path}?topic=a`);
      assert.match(stream, /^HTTP\/1\.1 200 .*text\/event-stream/s);
      const script = await headOf(t, origin, "HEAD", `${origin}${mount}${asset}`);
      assert.match(script, /^HTTP\/1\.1 200 .*text\/javascript/s);
      // Renewal refuses a request that shows no token, and a method that it does not know.
      const same = "Sec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n";
      const renewal = `${origin}${mount}${kit.hub.path}/renewal`;
      assert.match(await headOf(t, origin, "POST", renewal, same), /^HTTP\/1\.1 401 /);
      assert.match(await headOf(t, origin, "GET", renewal), /^HTTP\/1\.1 405 /);
      if (mount !== "") return;
      const metadata = `${origin}/.well-known/oauth-protected-resource${kit.hub.path}`;
      assert.match(await headOf(t, origin, "GET", metadata), /^HTTP\/1\.1 200 /);
    });
  }
});
