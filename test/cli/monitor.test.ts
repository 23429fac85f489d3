import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { monitor } from "../../src/cli/monitor.js";
import { subscribe, token } from "../hub/fixture.js";
import { fatalErrors } from "../support/fatal-errors.js";
import { PostgresServer, withoutPostgres } from "../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../support/redis.js";
import { until } from "../support/until.js";
import { type RunningHub, run, secret, start, startHub, temporaryFolder } from "./fixture.js";

async function monitorOf(hub: RunningHub): Promise<string> {
  await hub.until(() => /^Monitor: .*\n/m.test(hub.stdout()));
  return new URL(/^Monitor: (.*)$/m.exec(hub.stdout())![1]!).origin;
}

/** A port that another program uses. */
async function takenPort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function statusOf(url: string, method = "GET"): Promise<number> {
  const response = await fetch(url, { method });
  await response.text();
  return response.status;
}

interface Description {
  readonly paths: Record<string, { get: { responses: Record<number, { content: object }> } }>;
}

/** Sends a request with any target and host. Resolves to the status of the answer. */
function askAt(port: string, path: string, host = `127.0.0.1:${port}`): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const req = request({ host: "127.0.0.1", port, path, headers: { Host: host }, agent: false });
    req.on("response", (res) => resolve(res.resume().statusCode)).on("error", reject);
    req.end();
  });
}

async function publishAt({ url }: RunningHub): Promise<Response> {
  const headers = { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, secret)}` };
  return fetch(url, { method: "POST", headers, body: new URLSearchParams({ topic: "a", data: "x" }) });
}

describe("the monitor", () => {
  // DNS rebinding: a stranger's domain resolves to this machine, and their page reads the monitor.
  test("answers to addresses and to its own names alone", async (t) => {
    const hub = await startHub(t, ["--monitor-allowed-host", "hub.internal"]);
    const { port } = new URL(await monitorOf(hub));
    const ask = (host: string, path = "/metrics") => askAt(port, path, host);
    for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "localhost.evil.example"]) {
      assert.equal(await ask(host), 421, host);
      assert.equal(await ask(host, "/healthz/live"), 421, host);
    }
    for (const host of [`127.0.0.1:${port}`, "localhost", "[::1]", "10.0.0.7:9", "HUB.internal:80"]) {
      assert.equal(await ask(host), 200, host);
    }
  });

  // A collector that fails would end the hub by an unhandled rejection, at each scrape.
  test("answers 500 where the metrics cannot be read", async (t) => {
    const fatal = fatalErrors(t);
    t.mock.method(console, "error", () => {});
    const text = async () => Promise.reject(new Error("no /proc"));
    const server = createServer(monitor(() => ({ state: "ready" }), { contentType: "text/plain", text })).listen(
      0,
      "127.0.0.1",
    );
    t.after(() => server.close());
    await once(server, "listening");
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.equal(await statusOf(`${origin}/metrics`), 500);
    assert.equal(await statusOf(`${origin}/healthz/live`), 200);
    assert.deepEqual(fatal, []);
  });

  // A server must accept a target that is a whole URL, and some proxies and health checks send one. RFC 9112, 3.2.2.
  test("answers an absolute URL as the request target like the path", async (t) => {
    const hub = await startHub(t);
    const origin = await monitorOf(hub);
    const { port } = new URL(origin);
    const ask = (path: string, host?: string) => askAt(port, path, host);
    for (const path of ["/healthz/live", "/healthz/ready?a=/", "/metrics", "/openapi.json"]) {
      assert.equal(await ask(origin + path), 200, path);
      assert.equal(await ask(`HTTP://127.0.0.1:${port}${path}`), 200, path);
    }
    for (const path of ["", "/", "?/metrics", "/metrics/"]) assert.equal(await ask(origin + path), 404, path);
    assert.equal(await ask(`${origin}/metrics`, "evil.example"), 421);
  });

  test("listens by default, for this machine only, and can be disabled", async (t) => {
    const hub = await startHub(t);
    const origin = await monitorOf(hub);
    assert.match(origin, /^http:\/\/127\.0\.0\.1:/);
    assert.equal(await statusOf(`${origin}/healthz/ready`), 200);
    assert.equal(await statusOf(`${origin}/metrics`), 200);
    const without = await startHub(t, ["--no-monitor"]);
    without.child.kill();
    assert.doesNotMatch((await without.ended).stdout, /Monitor/);
  });

  test("listens at the port after the hub's", async (t) => {
    const taken = await takenPort(t);
    // The port before it can be taken too, as the hub then says; the monitor starts first in any case.
    const hub = start(t, ["hub", "--port", String(taken - 1)], { env: { SECRET_KEY: secret } });
    await hub.until(() => hub.stderr().includes("\n"));
    assert.equal(
      hub.stderr().split("\n")[0],
      `htmx-mercure: the monitor did not start. Cannot listen on 127.0.0.1, port ${taken}: another program uses this port; choose another one.`,
    );
  });

  test("answers health at its own port, and the hub's port does not", async (t) => {
    const hub = await startHub(t, ["--monitor-port", "0", "--no-metrics"]);
    const origin = await monitorOf(hub);
    assert.match(origin, /^http:\/\/127\.0\.0\.1:/);
    for (const path of ["/healthz/live", "/healthz/ready"]) {
      assert.equal(await statusOf(origin + path), 200);
      assert.equal(await statusOf(origin + path, "HEAD"), 200);
      assert.equal(await statusOf(origin + path, "POST"), 405);
      assert.equal(await statusOf(new URL(path, hub.url).href), 404);
    }
    assert.equal(await statusOf(`${origin}/metrics`), 404);
  });

  test("describes all its answers in OpenAPI", async (t) => {
    const hub = await startHub(t, ["--monitor-port", "0", "--metrics"]);
    const origin = await monitorOf(hub);
    const text = await (await fetch(`${origin}/openapi.json`)).text();
    const { valid, errors } = await new Validator().validate(JSON.parse(text));
    assert.ok(valid, JSON.stringify(errors));
    const paths = Object.entries((JSON.parse(text) as Description).paths);
    assert.deepEqual(
      paths.map(([path]) => path),
      ["/healthz/live", "/healthz/ready", "/metrics", "/openapi.json"],
    );
    for (const [path, { get }] of paths) {
      const response = await fetch(origin + path);
      assert.ok(response.headers.get("Content-Type")! in get.responses[response.status]!.content, path);
      await response.text();
    }
  });

  test("is live and not ready while the hub closes", async (t) => {
    const hub = await startHub(t, ["--monitor-port", "0", "--shutdown-timeout", "3600"]);
    const origin = await monitorOf(hub);
    const socket = connect(Number(new URL(hub.url).port), "127.0.0.1");
    t.after(() => socket.destroy());
    const jwt = await token({ publish: ["*"] }, {}, secret);
    const type = "application/x-www-form-urlencoded";
    socket.write(
      `POST /.well-known/mercure HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${jwt}\r\nExpect: 100-continue\r\nContent-Type: ${type}\r\nContent-Length: 7\r\n\r\n`,
    );
    await once(socket, "data");
    hub.child.kill();
    await hub.until(() => hub.stderr().includes("shutting down"));
    assert.equal(await statusOf(`${origin}/healthz/ready`), 503);
    assert.equal(await statusOf(`${origin}/healthz/live`), 200);
    // The pending requests can end, and then the hub.
    socket.write("topic=a");
    assert.equal((await hub.ended).code, 0);
  });

  test("ends the hub when its explicit port is taken", async (t) => {
    const port = String(await takenPort(t));
    const { code, stderr } = await run(t, ["hub", "--port", "0", "--monitor-port", port]);
    assert.equal(code, 1);
    assert.match(stderr, /another program uses this port/);
  });
});

describe("metrics", () => {
  test("count subscribers and updates under the names of the reference hub", async (t) => {
    const hub = await startHub(t, ["--metrics", "--monitor-port", "0"]);
    const url = `${await monitorOf(hub)}/metrics`;
    const read = async () => {
      const response = await fetch(url);
      assert.match(response.headers.get("Content-Type")!, /^text\/plain; version=0\.0\.4/);
      const values = [...(await response.text()).matchAll(/^(mercure_\w+|process_cpu_seconds_total) ([\d.e-]+)$/gm)];
      return Object.fromEntries(values.map(([, name, value]) => [name, Number(value)]));
    };
    const before = await read();
    assert.ok("process_cpu_seconds_total" in before);
    assert.equal(before.mercure_subscribers_connected, 0);

    const [subscriber] = await Promise.all(["a", "b"].map((topic) => subscribe(t, `${hub.url}?topic=${topic}`)));
    const headers = { Authorization: `Bearer ${await token({ publish: ["*"] }, {}, secret)}` };
    await fetch(hub.url, { method: "POST", headers, body: new URLSearchParams({ topic: "a", data: "x" }) });
    await subscriber!.until(({ events }) => events.length === 1);
    subscriber!.close();
    let metrics = await read();
    while (metrics.mercure_subscribers_connected !== 1) metrics = await read();
    assert.equal(metrics.mercure_subscribers_total, 2);
    assert.equal(metrics.mercure_updates_total, 1);
    const transport = ["ready", "pending", "wait_seconds", "lag_seconds"];
    assert.deepEqual(
      transport.map((name) => metrics[`mercure_transport_${name}`]),
      [1, 0, 0, 0],
    );
    hub.child.kill();
    assert.equal((await hub.ended).code, 0);
  });

  test("show the delay of updates that another process has stored on the disk", async (t) => {
    const folder = temporaryFolder(t);
    const args = ["--metrics", "--monitor-port", "0", "--transport", `lmdb:${folder}/history`];
    const [one, other] = [await startHub(t, args), await startHub(t, args)];
    assert.equal((await publishAt(one)).status, 200);
    const url = `${await monitorOf(other)}/metrics`;
    await until(async () => {
      const text = await (await fetch(url)).text();
      const [, node, lag] = /^mercure_node_lag_seconds\{node="([\w-]{36})"\} (.+)$/m.exec(text) ?? [];
      return (
        node !== undefined && Number(lag) > 0 && Number(/^mercure_transport_lag_seconds (.+)$/m.exec(text)![1]) > 0
      );
    });
  });

  for (const { name, skip, startServer, processes } of [
    { name: "Redis", skip: withoutRedis, startServer: () => RedisServer.start(), processes: 1 },
    { name: "PostgreSQL", skip: withoutPostgres, startServer: () => PostgresServer.start(), processes: 1 },
    { name: "Redis", skip: withoutRedis, startServer: () => RedisServer.start(), processes: 2 },
  ]) {
    test(`show the updates that wait while ${name} is paused, and health tells why, in processes: ${processes}`, {
      skip,
    }, async (t) => {
      const server: RedisServer | PostgresServer = await startServer();
      t.after(() => server.stop());
      const workers = processes === 1 ? [] : ["--workers", `${processes}`];
      const hub = await startHub(t, ["--metrics", "--monitor-port", "0", "--transport", server.url, ...workers]);
      const url = `${await monitorOf(hub)}/metrics`;
      const metric = async (name: string) => {
        const text = await (await fetch(url)).text();
        return Number(new RegExp(`^mercure_transport_${name} (.+)$`, "m").exec(text)?.[1]);
      };
      await until(async () => (await metric("ready")) === processes);
      assert.equal((await publishAt(hub)).status, 200);
      server.stall();
      const published = publishAt(hub);
      await until(async () => (await metric("pending")) === 1);
      await until(async () => (await metric("ready")) === 0 && (await metric("wait_seconds")) > 0);
      assert.ok((await metric("lag_seconds")) >= 0);
      const health = async () => (await fetch(new URL("/healthz/ready", url))).text();
      await until(async () => /^away: the store is unreachable.*\nheld back by: .+\n$/.test(await health()));
      server.resume();
      assert.equal((await published).status, 200);
      await until(async () => (await metric("pending")) === 0 && (await metric("ready")) === processes);
      assert.equal(await metric("wait_seconds"), 0);
      await until(async () => (await health()) === "ready\n");
    });
  }
});
