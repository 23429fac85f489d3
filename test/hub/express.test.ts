import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import express, { type Express, type RequestHandler } from "express";
import { Hub } from "../../src/hub/index.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { draft, publisherKey, subscribe, token } from "./fixture.js";

async function serve(t: TestContext, app: Express): Promise<string> {
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function makeHub(t: TestContext): Hub {
  const hub = new Hub({ transport: new MemoryTransport(), allowPublish: true, publisherKey, keepaliveInterval: 0 });
  t.after(() => hub.close());
  return hub;
}

/** Reads the whole body itself, as verifiers of signatures and platforms do. */
function collector(name: string, leave: (bytes: Buffer) => unknown): RequestHandler {
  return async (req, _res, next) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    Object.assign(req, { [name]: leave(Buffer.concat(chunks)) });
    next();
  };
}

describe("under Express", () => {
  test("the hub serves at its path, mounted at it, and below a path", async (t) => {
    const hub = makeHub(t);
    const app = express();
    const below = express.Router();
    below.use(hub.path, hub.handle);
    app.use("/site", below);
    app.all("/app/.well-known/mercure", (_req, res) => void res.sendStatus(418));
    app.use(hub.path, hub.handle);
    const flat = express();
    flat.use(hub.handle);
    for (const origin of [await serve(t, app), `${await serve(t, app)}/site`, await serve(t, flat)]) {
      const subscriber = await subscribe(t, `${origin}${hub.path}?topic=a`);
      await hub.publish(draft("a", "1"));
      await subscriber.until(({ data }) => data.length === 1);
      assert.equal((await fetch(`${origin}${hub.path}/elsewhere?topic=a`)).status, 404);
    }
  });

  test("a publish works after a body parser has read the body", async (t) => {
    for (const parser of [
      express.urlencoded(),
      express.urlencoded({ extended: true }),
      express.raw({ type: "*/*" }),
      express.text({ type: "*/*" }),
      express.json(),
      collector("body", (bytes) => bytes),
      collector("body", String),
      collector("body", (bytes) => new Uint8Array(bytes)),
      collector("rawBody", (bytes) => bytes),
      collector("rawBody", String),
    ]) {
      const hub = makeHub(t);
      const app = express().use(parser).use(hub.handle);
      const origin = await serve(t, app);
      const subscriber = await subscribe(t, `${origin}${hub.path}?topic=b`);
      const answer = await fetch(`${origin}${hub.path}`, {
        method: "POST",
        body: new URLSearchParams([
          ["topic", "a"],
          ["topic", "b"],
          ["data", "é + 1"],
        ]),
        headers: { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}` },
      });
      assert.equal(answer.status, 200);
      await subscriber.until(({ data }) => data.length === 1);
      assert.deepEqual(subscriber.data, ["é + 1"]);
    }
  });

  // Such a listener makes the body flow while the hub verifies the token. An unguarded update would lose its beginning.
  describe("a publish arrives whole beside", () => {
    const others: Record<string, RequestHandler> = {
      "a listener that collects the body in the background": (req, _res, next) => {
        Object.assign(req, { rawBody: "" });
        req.on("data", (chunk) => Object.assign(req, { rawBody: `${Reflect.get(req, "rawBody")}${chunk}` }));
        next();
      },
      "a listener that counts bytes": (req, _res, next) => {
        req.on("data", () => {});
        next();
      },
      "a hash that the body is piped into": (req, _res, next) => {
        req.pipe(createHash("sha256"));
        next();
      },
      "middleware that sets an encoding": (req, _res, next) => {
        req.setEncoding("utf8");
        next();
      },
      "middleware that sets an encoding and leaves text": (req, _res, next) => {
        Object.assign(req.setEncoding("latin1"), { rawBody: "" });
        req.on("data", (chunk) => Object.assign(req, { rawBody: `${Reflect.get(req, "rawBody")}${chunk}` }));
        req.once("data", () => setImmediate(next));
      },
      "middleware that has paused the request": (req, _res, next) => {
        req.pause();
        next();
      },
      "a collector that waits for something else meanwhile": (req, _res, next) => {
        const chunks: Buffer[] = [];
        req.on("data", (chunk) => chunks.push(chunk));
        req.on("end", () => Object.assign(req, { rawBody: Buffer.concat(chunks) }));
        req.once("data", () => setImmediate(next));
      },
      "a parser that leaves URLSearchParams": async (req, _res, next) => {
        Object.assign(req, { body: new URLSearchParams(await text(req)) });
        next();
      },
      "a parser that leaves a Map": async (req, _res, next) => {
        Object.assign(req, { body: new Map(new URLSearchParams(await text(req))) });
        next();
      },
    };
    for (const [name, middleware] of Object.entries(others)) {
      test(name, async (t) => {
        const hub = makeHub(t);
        let arrived = () => {};
        const seen = new Promise<void>((resolve) => {
          arrived = resolve;
        });
        const app = express();
        const arrive: RequestHandler = (_req, _res, next) => {
          arrived();
          next();
        };
        app.post(hub.path, arrive, middleware);
        const origin = await serve(t, app.use(hub.handle));
        const subscriber = await subscribe(t, `${origin}${hub.path}?topic=a`);
        const request = httpRequest(`${origin}${hub.path}`, {
          method: "POST",
          headers: {
            Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}`,
            "Content-Type": "application/x-www-form-urlencoded",
          },
        });
        const answered = once(request, "response") as Promise<[IncomingMessage]>;
        request.write("topic=a&data=é");
        await seen;
        for (let part = 0; part < 20; part++) {
          request.write(`${part},`);
          await new Promise(setImmediate);
        }
        request.end();
        const [answer] = await answered;
        answer.resume();
        assert.equal(answer.statusCode, 200);
        await subscriber.until(({ data }) => data.length === 1);
        assert.deepEqual(subscriber.data, [`é${Array.from({ length: 20 }, (_, part) => `${part},`).join("")}`]);
      });
    }

    test("a listener, and the connection of a rejected publish stays usable", async (t) => {
      const hub = makeHub(t);
      const origin = await serve(t, express().use(others["a listener that counts bytes"]!).use(hub.handle));
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      t.after(() => agent.destroy());
      for (const expected of [401, 401]) {
        const headers = { "Content-Type": "application/x-www-form-urlencoded" };
        const request = httpRequest(`${origin}${hub.path}`, { method: "POST", headers, agent });
        request.end(`topic=a&data=${"x".repeat(300_000)}`);
        const [answer] = (await once(request, "response")) as [IncomingMessage];
        answer.resume();
        assert.equal(answer.statusCode, expected);
        await once(answer, "end");
      }
    });
  });

  test("subscribing by QUERY works although a body parser was faster", async (t) => {
    for (const parser of [
      express.urlencoded({ extended: true }),
      express.text({ type: "*/*" }),
      collector("body", (bytes) => bytes),
    ]) {
      const hub = makeHub(t);
      const origin = await serve(t, express().use(parser).use(hub.handle));
      const body = new URLSearchParams({ topic: "a", "unknown[nested]": "1" });
      const abort = new AbortController();
      t.after(() => abort.abort());
      const answer = await fetch(origin + hub.path, { method: "QUERY", body, signal: abort.signal });
      assert.equal(answer.status, 200);
    }
  });

  test("a body that a handler has read and discarded is an error, and the log says how to fix it", async (t) => {
    const errors: unknown[] = [];
    const logger = { warn: () => {}, error: (_message: string, error: unknown) => void errors.push(error) };
    const hub = new Hub({ transport: new MemoryTransport(), allowPublish: true, publisherKey, logger });
    t.after(() => hub.close());
    const origin = await serve(
      t,
      express()
        .use(collector("elsewhere", (bytes) => bytes))
        .use(hub.handle),
    );
    const headers = { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}` };
    const body = new URLSearchParams({ topic: "a" });
    const answers = [
      await fetch(origin + hub.path, { method: "POST", body, headers }),
      await fetch(origin + hub.path, { method: "QUERY", body }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [500, 500],
    );
    assert.doesNotMatch(await answers[0]!.text(), /req\.body/);
    assert.equal(errors.length, 2);
    assert.match(String(errors[0]), /without setting req\.body or req\.rawBody: mount the hub before it/);
  });

  test("a body that has ended without a byte is an empty form", async (t) => {
    const hub = makeHub(t);
    const origin = await serve(
      t,
      express()
        .use(collector("body", () => undefined))
        .use(hub.handle),
    );
    const headers = {
      Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}`,
      "Content-Type": "application/x-www-form-urlencoded",
    };
    const answer = await fetch(origin + hub.path, { method: "POST", body: "", headers });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /topic is missing/);
  });

  test("the bound of a publication also holds for the body that a parser has read", async (t) => {
    const hub = new Hub({ transport: new MemoryTransport(), allowPublish: true, publisherKey, maxPublishBytes: 100 });
    t.after(() => hub.close());
    const origin = await serve(
      t,
      express()
        .use(collector("body", (bytes) => bytes))
        .use(hub.handle),
    );
    const headers = {
      Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}`,
      "Content-Type": "application/x-www-form-urlencoded",
    };
    // In chunks, so that no header tells the length.
    const body = new Blob([`topic=a&data=${"x".repeat(200)}`]).stream();
    const answer = await fetch(origin + hub.path, { method: "POST", body, headers, duplex: "half" } as RequestInit);
    assert.equal(answer.status, 413);
  });

  // A parser that turns `topic[a]=b` into objects passes on values that are not topics.
  const parsed: [what: string, fields: Record<string, string>, status: number][] = [
    ["an unknown field can have any parsed value", { data: "1", "meta[source]": "cron" }, 200],
    ["the hub rejects a parsed body with values other than text", { "data[x]": "1" }, 400],
  ];
  for (const [what, fields, status] of parsed) {
    test(what, async (t) => {
      const hub = makeHub(t);
      const parser = express.urlencoded({ extended: true });
      const origin = await serve(t, express().use(parser).use(hub.handle));
      const answer = await fetch(`${origin}${hub.path}`, {
        method: "POST",
        body: new URLSearchParams({ topic: "a", ...fields }),
        headers: { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}` },
      });
      assert.equal(answer.status, status);
    });
  }
});
