import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, createServer } from "node:http2";
import { connect, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Hub } from "../../../src/hub/index.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { http2Session } from "../../support/listening.js";
import { draft, type RunningHub, startHub, subscribe, turn, until } from "../fixture.js";

/** The test writes every byte of this connection itself. */
function dial(t: TestContext, { origin }: RunningHub): { socket: Socket; received: () => string } {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => {});
  return { socket, received: () => text };
}

describe("HTTP/1.0", () => {
  test("sends the stream without chunks, as old proxies need", async (t) => {
    const running = await startHub(t);
    const { socket, received } = dial(t, running);
    socket.write(`GET ${running.hub.path}?topic=a HTTP/1.0\r\n\r\n`);
    await until(() => received().includes("\r\n\r\n"));
    assert.doesNotMatch(received(), /transfer-encoding/i);
    await running.hub.publish(draft("a", "hello"));
    await until(() => received().includes("data: hello\n\n"));
    assert.match(received(), /\r\n\r\n:\nid: #[\w-]{22}\ndata: hello\n\n$/);
    socket.end();
    await until(() => running.hub.connections === 0);
  });
});

describe("HTTP/1.1", () => {
  test("treats a client that closes its half of the connection as gone", async (t) => {
    const running = await startHub(t);
    const { socket } = dial(t, running);
    socket.write(`GET ${running.hub.path}?topic=a HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => running.hub.connections === 1);
    socket.end();
    await until(() => running.hub.connections === 0);
  });

  // Malformed bytes get an answer or a closed connection, and the hub keeps running.
  test("keeps serving after garbage", async (t) => {
    const running = await startHub(t, { allowPublish: true });
    const { path } = running.hub;
    const requests = [
      "\0\0\0\0",
      `GET ${path}?topic=a HTTP/9.9\r\n\r\n`,
      `GET //${path}?topic=%zz&topic=%E0%A4%A HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET ${path}?${"topic=a&".repeat(500)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET ${path}?__proto__=a&topic=__proto__&topic=constructor&lastEventID=__proto__ HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET ${path}?topic=a HTTP/1.1\r\nHost: x\r\nLast-Event-ID: \xff\xfe\r\nCookie: ;;=;mercureAuthorization\r\n\r\n`,
      `GET ${path}?topic=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${"x.".repeat(2000)}\r\n\r\n`,
      `GET ${path}?topic=a&authorization=..%00 HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET http://[${path} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      `CONNECT ${path} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET ${path}?topic=a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    ];
    for (const bytes of requests) {
      const { socket, received } = dial(t, running);
      socket.write(Buffer.from(bytes, "latin1"));
      await until(() => received() !== "" || socket.destroyed || socket.readableEnded);
      socket.destroy();
    }
    assert.equal((await subscribe(t, running.url("a"))).status, 200);
    assert.deepEqual(running.errors, []);
  });
});

describe("HTTP/2", () => {
  async function start(t: TestContext): Promise<{ hub: Hub; session: ClientHttp2Session }> {
    const transport = new MemoryTransport({ maxHistoryBytes: 1e9 });
    const hub = new Hub({ transport, keepaliveInterval: 0, maxBacklogBytes: 0 });
    t.after(() => hub.close());
    return { hub, session: await http2Session(t, createServer(hub.handle)) };
  }

  function open(session: ClientHttp2Session, path: string, headers: Record<string, string> = {}) {
    const stream: ClientHttp2Stream = session.request({ ":path": path, ...headers });
    stream.on("error", () => {});
    let text = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      text += chunk;
    });
    return { stream, received: () => text };
  }

  test("carries several streams on a connection, and each ends on its own", async (t) => {
    const { hub, session } = await start(t);
    const [a, b] = ["a", "b"].map((topic) => open(session, `${hub.path}?topic=${topic}`)) as [
      ReturnType<typeof open>,
      ReturnType<typeof open>,
    ];
    const [headers] = await once(a.stream, "response");
    assert.equal(headers[":status"], 200);
    assert.equal(headers["content-type"], "text/event-stream");
    await until(() => hub.connections === 2);
    await hub.publish(draft(["a", "b"], "hello"));
    await until(() => a.received().includes("data: hello\n\n") && b.received().includes("data: hello\n\n"));
    a.stream.close();
    await until(() => hub.connections === 1);
    await hub.publish(draft(["a", "b"], "again"));
    await until(() => b.received().includes("data: again\n\n"));
    await hub.close();
    await until(() => b.stream.closed);
  });

  test("returns ids beyond ASCII unchanged", async (t) => {
    const { hub, session } = await start(t);
    await hub.publish(draft("a", "", { id: "urn:é" }));
    const { stream } = open(session, `${hub.path}?topic=a&lastEventID=${encodeURIComponent("urn:é")}`);
    const [headers] = await once(stream, "response");
    assert.equal(Buffer.from(headers["last-event-id"], "latin1").toString(), "urn:é");
  });

  test("lets a slow reader catch up, and closes despite a hanging one", async (t) => {
    const { hub, session } = await start(t);
    const slow = open(session, `${hub.path}?topic=a`);
    const hanging = open(session, `${hub.path}?topic=a`);
    await until(() => hub.connections === 2);
    slow.stream.pause();
    hanging.stream.pause();
    for (let i = 0; i < 100; i++) {
      await hub.publish(draft("a", `${i} `.padEnd(50_000, "x")));
      await turn();
    }
    slow.stream.resume();
    await until(() => slow.received().includes("data: 99 "));
    const numbers = [...slow.received().matchAll(/^data: (\d+) /gm)].map(([, number]) => Number(number));
    assert.deepEqual(
      numbers,
      Array.from({ length: 100 }, (_, i) => i),
    );
    await hub.close();
    assert.equal(hub.connections, 0);
    hanging.stream.resume();
    await until(() => hanging.stream.closed);
  });

  test("answers refusals with problem documents too", async (t) => {
    const { hub, session } = await start(t);
    const { stream, received } = open(session, hub.path);
    const [headers] = await once(stream, "response");
    assert.equal(headers[":status"], 400);
    await until(() => received().endsWith("}"));
    assert.match(received(), /Name the topics/);
  });
});
