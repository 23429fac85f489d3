import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Hub } from "../../../src/hub/index.js";
import { admitsRequest } from "../../../src/hub/streams/pipelining.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { http2Session } from "../../support/listening.js";
import { draft, startHub, until } from "../fixture.js";

/** The test writes every byte of this connection itself. */
function dial(t: TestContext, origin: string) {
  const socket = connect(Number(new URL(origin).port), "127.0.0.1");
  t.after(() => socket.destroy());
  const client = { socket, received: "", ended: false };
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    client.received += chunk;
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    client.ended = true;
  });
  return client;
}

const get = (path: string, method = "GET") => `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** A server that answers admitted requests when the test says so, and counts them. */
async function startServer(t: TestContext) {
  const admitted: ServerResponse[] = [];
  let requests = 0;
  const server = createServer((req, res) => {
    requests++;
    if (admitsRequest(req, res) && admitsRequest(req, res)) admitted.push(res);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, admitted, requests: () => requests };
}

describe("requests behind a stream", () => {
  // 64 kB of requests behind a stream: each answer waits in memory until the stream ends an hour later.
  for (const [what, request] of [
    ["subscriptions", (path: string) => get(`${path}?topic=a`)],
    ["descriptions", (path: string) => get(`${path}/openapi.json`)],
    ["HEAD requests", (path: string) => get(`${path}/openapi.json`, "HEAD")],
    ["publications", (path: string) => get(path, "POST").replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\na")],
  ] as const) {
    test(`end the connection: ${what} that come with the subscription`, async (t) => {
      const { hub, origin } = await startHub(t);
      const client = dial(t, origin);
      client.socket.write(get(`${hub.path}?topic=a`) + request(hub.path).repeat(3));
      await until(() => client.ended);
      assert.deepEqual([hub.connections, client.received], [0, ""]);
    });

    test(`end the connection: ${what} that come later`, async (t) => {
      const { hub, origin } = await startHub(t);
      const client = dial(t, origin);
      client.socket.write(get(`${hub.path}?topic=a`));
      await until(() => hub.connections === 1);
      client.socket.write(request(hub.path).repeat(1000));
      await until(() => client.ended && hub.connections === 0);
      assert.equal(client.received.match(/HTTP\/1.1/g)?.length, 1);
    });
  }

  test("a subscription behind an answer that has been sent is opened", async (t) => {
    const { hub, origin } = await startHub(t);
    const client = dial(t, origin);
    client.socket.write(get(`${hub.path}/openapi.json`));
    await until(() => client.received.includes("\r\n\r\n"));
    client.socket.write(get(`${hub.path}?topic=a`));
    await until(() => hub.connections === 1);
    await hub.publish(draft("a", "hello"));
    await until(() => client.received.includes("data: hello"));
  });
});

describe("requests behind another", () => {
  // A client sends 64 kB of requests and reads no answer: all answers wait in memory.
  test("are limited to sixteen; one more closes the connection unanswered", async (t) => {
    const { origin, admitted, requests } = await startServer(t);
    const client = dial(t, origin);
    client.socket.write(get("/").repeat(1500));
    await until(() => client.ended);
    assert.ok(requests() > 100, "Node hands out all that has come in one piece");
    assert.equal(admitted.length, 17);
  });

  test("are answered in order, and each answer makes room", async (t) => {
    const { origin, admitted } = await startServer(t);
    const client = dial(t, origin);
    for (let round = 0; round < 5; round++) {
      client.socket.write(get("/").repeat(17));
      await until(() => admitted.length === 17);
      for (const res of admitted.splice(0).reverse()) res.end(`${round}`);
      const answers = (round + 1) * 17;
      await until(() => (client.received.match(/HTTP\/1.1 200/g)?.length ?? 0) === answers);
    }
    assert.equal(client.ended, false);
  });
});

describe("requests in one session of HTTP/2", () => {
  // A client that reads nothing requests documents in thousands of HTTP/2 streams: each answer waits in memory.
  test("are rejected when too many answers are pending, not counting event streams", async (t) => {
    const hub = new Hub({ transport: new MemoryTransport(), keepaliveInterval: 0 });
    const waiting: ServerResponse[] = [];
    const server = createHttp2Server((req, res) => {
      const [request, response] = [req as unknown as IncomingMessage, res as unknown as ServerResponse];
      if (req.url !== "/") hub.handle(req, res);
      else if (admitsRequest(request, response)) waiting.push(response);
    });
    t.after(() => hub.close());
    const session = await http2Session(t, server);
    let refused = 0;
    const ask = (path: string) =>
      session.request({ ":path": path }).on("error", (error: NodeJS.ErrnoException) => {
        if (error.message.includes("NGHTTP2_REFUSED_STREAM")) refused++;
      });
    for (let i = 0; i < 300; i++) {
      ask(`${hub.path}?topic=a`).resume();
      await until(() => hub.connections === i + 1);
    }
    for (let i = 0; i < 300; i++) ask("/");
    await until(() => refused === 44);
    assert.equal(waiting.length, 256);
    for (const response of waiting.splice(0)) response.end();
    ask("/");
    await until(() => waiting.length === 1);
    assert.equal(hub.connections, 300);
  });
});
