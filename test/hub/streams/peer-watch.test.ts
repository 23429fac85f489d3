import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants, createServer } from "node:http2";
import { type AddressInfo, connect, createServer as createTcpServer, Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Hub } from "../../../src/hub/index.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { draft, startHub, subscribe, turn, until } from "../fixture.js";

/** A path to a server that the test can cut without notice to either side. */
async function cuttable(t: TestContext, port: number): Promise<{ port: number; cut: () => void }> {
  const sockets: Socket[] = [];
  const proxy = createTcpServer((near) => {
    const far = connect(port, "127.0.0.1");
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on("error", () => {});
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => proxy.close());
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const cut = () => {
    for (const socket of sockets) socket.unpipe().resume();
  };
  return { port: (proxy.address() as AddressInfo).port, cut };
}

async function startHttp2(t: TestContext): Promise<{ hub: Hub; port: number }> {
  const hub = new Hub({ transport: new MemoryTransport(), keepaliveInterval: 0.2 });
  const server = createServer(hub.handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    await hub.close();
    server.close();
  });
  return { hub, port: (server.address() as AddressInfo).port };
}

function session(t: TestContext, port: number): ClientHttp2Session {
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  client.on("error", () => {});
  t.after(() => client.destroy());
  return client;
}

describe("a peer over HTTP/1.1", () => {
  // A peer that hangs with its connection open would count as a subscriber forever.
  test("that accepts nothing for three keep-alive intervals is gone", async (t) => {
    const { hub, url, sockets } = await startHub(t, {
      keepaliveInterval: 0.05,
      transport: new MemoryTransport({ maxHistoryBytes: 1e9 }),
    });
    const hanging = await subscribe(t, url("a"));
    hanging.pause();
    while (hub.connections > 0 && sockets[0]!.writableLength === 0) {
      await hub.publish(draft("a", "x".repeat(100_000)));
      await turn();
    }
    await until(() => hub.connections === 0);
    assert.deepEqual(hub.subscriptions(), []);
    assert.ok(sockets[0]!.destroyed);
  });

  test("that accepts the comments stays, however quiet it is", async (t) => {
    const { hub, url } = await startHub(t, { keepaliveInterval: 0.02 });
    const subscriber = await subscribe(t, url("a"));
    await subscriber.until(({ comments }) => comments.length >= 20);
    assert.equal(hub.connections, 1);
  });

  // A process that was paused finds all its timers due before it could write.
  test("needs no timer while nothing is pending for it", async (t) => {
    const { url, sockets } = await startHub(t, { keepaliveInterval: 0.05 });
    const subscriber = await subscribe(t, url("a"));
    await subscriber.until(({ comments }) => comments.length > 3);
    assert.ok(!sockets[0]!.timeout);
  });

  test("is probed by the system's TCP keep-alive when comments are disabled", async (t) => {
    const { hub, url, sockets } = await startHub(t, { keepaliveInterval: 0 });
    const asked = t.mock.method(Socket.prototype, "setKeepAlive");
    await subscribe(t, url("a"));
    await until(() => hub.connections === 1);
    assert.ok(asked.mock.calls.some((call) => call.this === sockets[0] && call.arguments[0] === true));
  });
});

describe("a peer over HTTP/2", () => {
  // The network fails silently: bytes in the system's buffers look delivered.
  test("that leaves pings unanswered is gone, with all its streams", async (t) => {
    const { hub, port } = await startHttp2(t);
    const path = await cuttable(t, port);
    const client = session(t, path.port);
    for (const topic of ["a", "b"]) client.request({ ":path": `${hub.path}?topic=${topic}` }).on("error", () => {});
    await until(() => hub.connections === 2);
    path.cut();
    await until(() => hub.connections === 0);
    assert.deepEqual(hub.subscriptions(), []);
  });

  test("that answers pings stays, and gets no further pings after its last stream ends", async (t) => {
    const { hub, port } = await startHttp2(t);
    const client = session(t, port);
    let pings = 0;
    client.on("ping", () => pings++);
    const streams = ["a", "b"].map((topic) => client.request({ ":path": `${hub.path}?topic=${topic}` }));
    for (const stream of streams) stream.resume();
    await until(() => pings >= 5);
    assert.equal(hub.connections, 2);
    streams[0]!.close();
    await until(() => hub.connections === 1);
    const before = pings;
    await until(() => pings >= before + 2);
    const cleared = t.mock.method(globalThis, "clearInterval");
    streams[1]!.close();
    // The hub's own timer, and that of the pings.
    await until(() => cleared.mock.callCount() >= 2);
    assert.ok(!client.destroyed);
  });

  test("that accepts nothing for three keep-alive intervals loses its stream", async (t) => {
    const { hub, port } = await startHttp2(t);
    const client = session(t, port);
    const stream = client.request({ ":path": `${hub.path}?topic=a` }).on("error", () => {});
    await until(() => hub.connections === 1);
    stream.pause();
    for (let i = 0; i < 20; i++) await hub.publish(draft("a", "x".repeat(100_000)));
    await until(() => hub.connections === 0);
    stream.resume();
    await until(() => stream.closed);
    assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL);
    assert.ok(!client.destroyed);
  });
});
