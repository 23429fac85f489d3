import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import {
  createServer,
  get,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createGunzip, createGzip } from "node:zlib";
import { Hub } from "../../../src/hub/index.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { closed } from "../../support/closed.js";
import { startNginx, withoutNginx } from "../../support/proxies.js";
import { draft, subscribe, turn, until } from "../fixture.js";

function makeHub(t: TestContext): Hub {
  const transport = new MemoryTransport({ maxHistoryBytes: 1e9 });
  const hub = new Hub({ transport, keepaliveInterval: 0, maxBacklogBytes: 0 });
  t.after(() => hub.close());
  return hub;
}

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** All bytes that a client of the topic `a` receives. */
function ask(t: TestContext, socket: Socket, { path }: Hub, version = "1.1", headers = ""): () => string {
  t.after(() => socket.destroy());
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (data: string) => {
    text += data;
  });
  socket.on("error", () => {});
  socket.write(`GET ${path}?topic=a HTTP/${version}\r\nHost: x\r\n${headers}\r\n`);
  return () => text;
}

/** The body of a response in the chunked transfer coding, and whether its end has come. RFC 9112, section 7.1. */
function unchunk(response: string): { body: string; ended: boolean } {
  let rest = Buffer.from(response.slice(response.indexOf("\r\n\r\n") + 4));
  let body = "";
  for (;;) {
    const line = rest.indexOf("\r\n");
    if (line < 0) return { body, ended: false };
    const size = rest.subarray(0, line).toString();
    assert.match(size, /^[0-9a-f]+$/);
    const length = Number.parseInt(size, 16);
    if (rest.length < line + 2 + length + 2) return { body, ended: false };
    body += rest.subarray(line + 2, line + 2 + length).toString();
    assert.equal(rest.subarray(line + 2 + length, line + 4 + length).toString(), "\r\n");
    rest = rest.subarray(line + 4 + length);
    if (length > 0) continue;
    assert.equal(rest.length, 0);
    return { body, ended: true };
  }
}

const dataOf = (body: string) => [...body.matchAll(/^data: (.*)$/gm)].map(([, data]) => data);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
const many = upTo(200).map((i) => `${i} é ${"x".repeat(i * 50)}`);

/** One update alone, many at once, and then more than any buffer holds. */
async function publishMany(hub: Hub, isThere: (data: string) => boolean): Promise<string[]> {
  await hub.publish(draft("a", "alone"));
  await until(() => isThere("alone"));
  await Promise.all(many.map((data) => hub.publish(draft("a", data))));
  await until(() => isThere(many.at(-1)!));
  return ["alone", ...many];
}

describe("over HTTP/1.1", () => {
  test("each write is a chunk of its own, and the end is the last chunk", async (t) => {
    const hub = makeHub(t);
    const socket = connect(await listen(t, createServer(hub.handle)), "127.0.0.1");
    const received = ask(t, socket, hub);
    await until(() => hub.connections === 1);
    const published = await publishMany(hub, (data) => unchunk(received()).body.includes(`data: ${data}\n\n`));
    const { body, ended } = unchunk(received());
    assert.deepEqual(dataOf(body), published);
    assert.ok(body.startsWith(":\nid: "));
    assert.ok(!ended);
    const end = closed(socket);
    await hub.close();
    await end;
    assert.ok(unchunk(received()).ended);
  });

  test("a head with characters beyond ASCII goes out once, unchanged, and before all events", async (t) => {
    const hub = makeHub(t);
    await hub.publish(draft("a", "1", { id: "urn:é" }));
    await hub.publish(draft("a", "2"));
    const port = await listen(t, createServer(hub.handle));
    const received = ask(t, connect(port, "127.0.0.1"), hub, "1.1", "Last-Event-ID: urn:é\r\n");
    await until(() => received().includes("data: 2\n\n"));
    assert.equal(received().match(/^Last-Event-ID: urn:é\r$/gm)?.length, 1);
    assert.deepEqual(dataOf(unchunk(received()).body), ["2"]);
  });
});

describe("over HTTP/1.0", () => {
  test("events have no frames, and the end closes the connection", async (t) => {
    const hub = makeHub(t);
    const socket = connect(await listen(t, createServer(hub.handle)), "127.0.0.1");
    const received = ask(t, socket, hub, "1.0");
    await until(() => hub.connections === 1);
    const published = await publishMany(hub, (data) => received().includes(`data: ${data}\n\n`));
    const end = closed(socket);
    await hub.close();
    await end;
    const body = received().slice(received().indexOf("\r\n\r\n") + 4);
    assert.deepEqual(dataOf(body), published);
    assert.match(body, /^:\n(id: #[\w-]{22}\ndata: .*\n\n)+id: #[\w-]{22}\n\n$/);
  });
});

describe("over TLS", () => {
  async function start(t: TestContext, hub: Hub): Promise<number> {
    const folder = mkdtempSync(join(tmpdir(), "sockets-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...kind, "-subj", "/CN=localhost", "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
    return listen(t, createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, hub.handle));
  }

  test("events are chunks too", async (t) => {
    const hub = makeHub(t);
    const socket = connectTls({ port: await start(t, hub), host: "127.0.0.1", rejectUnauthorized: false });
    const received = ask(t, socket, hub);
    await until(() => hub.connections === 1);
    const published = await publishMany(hub, (data) => unchunk(received()).body.includes(`data: ${data}\n\n`));
    for (let i = 0; i < 100; i++) {
      published.push(`later ${i}`);
      await hub.publish(draft("a", `later ${i}`));
      await turn();
    }
    await until(() => received().includes("data: later 99\n\n"));
    assert.deepEqual(dataOf(unchunk(received()).body), published);
    const end = closed(socket);
    await hub.close();
    await end;
    assert.ok(unchunk(received()).ended);
  });

  test("a slow reader catches up", async (t) => {
    const hub = makeHub(t);
    const socket = connectTls({ port: await start(t, hub), host: "127.0.0.1", rejectUnauthorized: false });
    const received = ask(t, socket, hub);
    await until(() => hub.connections === 1);
    socket.pause();
    for (const i of upTo(300)) {
      await hub.publish(draft("a", `${i} `.padEnd(50_000, "x")));
      await turn();
    }
    socket.resume();
    await until(() => received().includes("data: 299 "));
    await until(() => unchunk(received()).body.endsWith("x\n\n"));
    assert.deepEqual(
      dataOf(unchunk(received()).body).map((data) => Number.parseInt(data!, 10)),
      upTo(300),
    );
  });
});

describe("behind middleware", () => {
  /** Works like compression middleware, but ignores `Cache-Control: no-transform`, which would stop it. */
  function compressing(listener: RequestListener): RequestListener {
    return (req: IncomingMessage, res: ServerResponse) => {
      const { write, writeHead } = res;
      const gzip = createGzip();
      gzip.on("data", (bytes: Buffer) => write.call(res, bytes, "utf8"));
      res.writeHead = ((status: number, headers: Record<string, string>) =>
        writeHead.call(res, status, { ...headers, "Content-Encoding": "gzip" })) as typeof res.writeHead;
      res.write = ((bytes: Buffer) => {
        const belowHighWaterMark = gzip.write(bytes);
        gzip.flush();
        return belowHighWaterMark;
      }) as typeof res.write;
      gzip.on("drain", () => res.emit("drain"));
      listener(req, res);
    };
  }

  // Bytes that bypass the middleware would land amid its output, and corrupt it.
  test("that wraps the response, all bytes pass through it", async (t) => {
    const hub = makeHub(t);
    const port = await listen(t, createServer(compressing(hub.handle)));
    const response = await new Promise<IncomingMessage>((resolve) => {
      get({ port, path: `${hub.path}?topic=a`, agent: false }, resolve);
    });
    t.after(() => response.destroy());
    assert.equal(response.headers["content-encoding"], "gzip");
    let body = "";
    response
      .pipe(createGunzip())
      .setEncoding("utf8")
      .on("data", (text: string) => {
        body += text;
      })
      .on("error", () => {});
    await until(() => hub.connections === 1);
    const published = await publishMany(hub, (data) => body.includes(`data: ${data}\n\n`));
    assert.deepEqual(dataOf(body), published);
  });
});

describe("behind nginx", { skip: withoutNginx }, () => {
  for (const [name, settings] of [
    ["with its defaults, over HTTP/1.0", ""],
    ["over HTTP/1.1", 'proxy_http_version 1.1; proxy_set_header Connection "";'],
    ["that compresses", "gzip on; gzip_types text/event-stream; gzip_proxied any;"],
  ] as const) {
    test(`${name}, each event arrives at once, and so does the end`, async (t) => {
      const hub = makeHub(t);
      const port = await listen(t, createServer(hub.handle));
      const origin = await startNginx(t, `location / { proxy_pass http://127.0.0.1:${port}; ${settings} }`);
      const subscriber = await subscribe(t, `${origin}${hub.path}?topic=a`);
      const published = await publishMany(hub, (data) => subscriber.data.includes(data));
      assert.deepEqual(subscriber.data, published);
      await hub.close();
      await subscriber.until(({ ended }) => ended);
    });
  }
});
