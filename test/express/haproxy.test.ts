import assert from "node:assert/strict";
import { once } from "node:events";
import { get as httpGet, type IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { describe, test } from "node:test";
import { application, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";
import { freePort } from "../support/free-port.js";
import { startHaproxy, withoutHaproxy } from "../support/proxies.js";

const files = { "templates/index.njk": `<% MercureStream topic="a" private %>` };

describe("behind HAProxy", { skip: withoutHaproxy }, () => {
  const hosts = [
    { name: "the browser's host", rules: [], status: 200 },
    {
      name: "X-Forwarded-Host from a trusted proxy",
      rules: ["http-request set-header X-Forwarded-Host %[req.hdr(host)]", "http-request set-header Host app.internal"],
      trust: true,
      status: 200,
    },
    { name: "a host of its own", rules: ["http-request set-header Host app.internal"], status: 403 },
    {
      name: "X-Forwarded-Host from anybody",
      rules: ["http-request set-header X-Forwarded-Host %[req.hdr(host)]", "http-request set-header Host app.internal"],
      status: 403,
    },
  ];
  for (const { name, rules, trust = false, status } of hosts) {
    test(`a private stream receives its updates, and its renewal with ${name} is answered ${status}`, async (t) => {
      const { app, kit, listen } = application(t, files, { authorize: () => true });
      app.set("trust proxy", trust);
      app.get("/", (_req, res) => res.render("index"));
      const origin = await startHaproxy(t, await listen(), rules);
      const url = streamUrlOf(await (await fetch(origin)).text(), origin);
      const stream = await openStream(t, url);
      await kit.sse.publish("a", "one", { private: true });
      assert.equal((await stream.next())?.data, "one");
      const renew = async (from: string) => {
        const headers = { Authorization: `Bearer ${new URL(url).searchParams.get("authorization")}`, Origin: from };
        return (await fetch(`${origin}/.well-known/mercure/renewal`, { method: "POST", headers })).status;
      };
      assert.equal(await renew(origin), status);
      assert.equal(await renew("http://elsewhere.example"), 403);
    });
  }

  test("a browser's HTTP/2 reaches pages, streams and the renewal of an application with HTTP/1.1", async (t) => {
    const { app, kit, listen } = application(t, files, { authorize: () => true });
    app.get("/", (_req, res) => res.render("index"));
    const port = await freePort();
    await startHaproxy(t, await listen(), [`bind 127.0.0.1:${port} proto h2`]);
    const origin = `http://127.0.0.1:${port}`;
    const session = connectHttp2(origin);
    t.after(() => session.destroy());
    const request = async (headers: Record<string, string>) => {
      const stream = session.request(headers).setEncoding("utf8");
      const [{ ":status": status }] = (await once(stream, "response")) as [{ ":status": number }];
      return { status, stream };
    };
    const page = await request({ ":path": "/" });
    let html = "";
    for await (const text of page.stream) html += text;
    const url = new URL(streamUrlOf(html, origin));
    const events = await request({ ":path": `${url.pathname}${url.search}` });
    assert.equal(events.status, 200);
    await kit.sse.publish("a", "one", { private: true });
    for (let seen = ""; !seen.includes("data: one"); ) seen += ((await once(events.stream, "data")) as [string])[0];
    const authorization = `Bearer ${url.searchParams.get("authorization")}`;
    const renewal = { ":method": "POST", ":path": "/.well-known/mercure/renewal", authorization };
    assert.equal((await request({ ...renewal, origin })).status, 200);
    assert.equal((await request({ ...renewal, origin: "http://elsewhere.example" })).status, 403);
  });

  // Without trust, all clients of the proxy have its address. With it, a client must not choose its own address.
  test("the limit of an address counts the clients that the proxy names, and not those that a client names", async (t) => {
    const { app, listen } = application(t, files, { hub: { maxConnectionsPerAddress: 1 } });
    app.set("trust proxy", 1);
    const origin = await startHaproxy(t, await listen(), ["option forwardfor"]);
    const open = async (localAddress: string, forwarded: string) => {
      const headers = { "X-Forwarded-For": forwarded };
      const request = httpGet(`${origin}/.well-known/mercure?topic=a`, { localAddress, headers, agent: false });
      t.after(() => request.destroy());
      return ((await once(request, "response")) as [IncomingMessage])[0].statusCode;
    };
    assert.equal(await open("127.0.0.2", "203.0.113.1"), 200);
    assert.equal(await open("127.0.0.3", "203.0.113.1"), 200);
    assert.equal(await open("127.0.0.2", "203.0.113.2"), 429);
  });

  test("a page over HTTPS has cookies for HTTPS where a trusted proxy says so", async (t) => {
    for (const trust of [true, false]) {
      const { app, listen } = application(t, files, { tokenMode: "cookie" });
      app.set("trust proxy", trust);
      app.get("/", (_req, res) => res.render("index"));
      const origin = await startHaproxy(t, await listen(), ["http-request set-header X-Forwarded-Proto https"]);
      const cookies = (await fetch(origin)).headers.getSetCookie();
      assert.ok(cookies.length > 0);
      for (const cookie of cookies) assert.equal(/^__(Secure|Host)-.*; Secure/.test(cookie), trust, cookie);
    }
  });

  test("the compression of the proxy reaches pages, and leaves streams alone", async (t) => {
    const { app, kit, listen } = application(t, files);
    app.get("/", (_req, res) => res.render("index"));
    const rules = ["compression algo gzip", "compression type text/html text/event-stream"];
    const origin = await startHaproxy(t, await listen(), rules);
    const page = await fetch(origin);
    assert.equal(page.headers.get("content-encoding"), "gzip");
    const stream = await openStream(t, streamUrlOf(await page.text(), origin));
    assert.equal(stream.response.headers.get("content-encoding"), null);
    await kit.sse.publish("a", "one", { private: true });
    assert.equal((await stream.next())?.data, "one");
  });
});
