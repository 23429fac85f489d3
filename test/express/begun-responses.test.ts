import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import compression from "compression";
import type { NextFunction, Request, Response } from "express";
import type { HubRequest, HubResponse } from "../../src/hub/http/messages.js";
import { Hub } from "../../src/hub/index.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { application } from "../support/application.js";
import { fatalErrors } from "../support/fatal-errors.js";
import { visit } from "../support/http-client.js";
import { until } from "../support/until.js";

describe("a response that another handler has used", () => {
  // A middleware answers "took too long" while the hub reads history.
  test("is left unchanged when it is answered while the hub waits", async (t) => {
    const fatal = fatalErrors(t);
    const { app, kit, errors, listen } = application(t, {}, { authorize: () => true });
    const failures: unknown[] = [];
    app.get(
      "/",
      kit.sse.stream(async (req) => {
        req.res!.send("took too long");
        return "t";
      }),
    );
    app.use((error: unknown, _req: Request, _res: Response, _next: NextFunction) => void failures.push(error));
    const answer = await fetch(await listen());
    assert.equal(await answer.text(), "took too long");
    assert.equal((failures[0] as { code?: string }).code, "ERR_RESPONSE");
    assert.deepEqual([kit.hub.connections, errors, fatal], [0, [], []]);
  });
});

describe("a stream whose response the application ends", () => {
  // Updates written after the end would land in the middle of the next answer on the same connection.
  test("is closed: nothing more is written to its socket", async (t) => {
    const fatal = fatalErrors(t);
    for (const before of [[], [compression()]]) {
      const { app, kit, listen } = application(t);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      t.after(() => agent.destroy());
      let open: Response | undefined;
      app.get("/stream", ...before, (req, res) => {
        open = res;
        kit.hub.stream(req, res, { topics: ["t"] });
      });
      app.get("/after", (_req, res) => void res.send("after"));
      const origin = await listen();
      const ask = (path: string) =>
        new Promise<IncomingMessage>((resolve, reject) => {
          request(origin + path, { agent }, resolve)
            .on("error", reject)
            .end();
        });
      const stream = await ask("/stream");
      await until(() => kit.hub.connections === 1);
      open!.end();
      assert.equal(await text(stream), ":\n");
      await until(() => kit.hub.connections === 0);
      const after = ask("/after");
      await kit.sse.publish("t", "late");
      assert.equal(await text(await after), "after");
      assert.equal((await after).socket, stream.socket);
    }
    assert.deepEqual(fatal, []);
  });
});

/** A hub without Express, over either version of HTTP, with a handler that first changes the response. */
async function serve(t: TestContext, hub: Hub, version: 1 | 2, first: (res: HubResponse) => void): Promise<string> {
  const listener = (req: HubRequest, res: HubResponse) => {
    first(res);
    hub.handle(req, res);
    hub.stream(req, res, { topics: ["t"] });
  };
  const server = version === 1 ? createServer(listener) : createHttp2Server(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("a hub without Express", () => {
  for (const version of [1, 2] as const) {
    for (const [state, spoil] of Object.entries<(res: HubResponse) => void>({
      "has ended": (res) => void res.end("no"),
      "has begun": (res) => void (res as { write(text: string): unknown }).write("no"),
      "has been destroyed": (res) => void res.destroy(),
      "is its own already": () => {},
    })) {
      test(`survives a response of HTTP/${version} that ${state}`, async (t) => {
        const fatal = fatalErrors(t);
        const errors: unknown[] = [];
        const logger = { warn: () => {}, error: (_message: string, error: unknown) => void errors.push(error) };
        const hub = new Hub({ transport: new MemoryTransport(), keepaliveInterval: 0, logger });
        t.after(() => hub.close());
        const origin = await serve(t, hub, version, spoil);
        const client = visit(version, `${origin}${hub.path}?topic=t`);
        t.after(() => client.leave());
        if (state === "has ended" || state === "has begun") await until(() => errors.length === 2);
        for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
        await hub.publish({ topics: ["t"], data: "on", private: false });
        assert.deepEqual(fatal, []);
      });
    }
  }
});
