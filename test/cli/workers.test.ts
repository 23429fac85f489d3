import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { token } from "../hub/fixture.js";
import { openStream } from "../support/event-stream.js";
import { until } from "../support/until.js";
import { type CommandOptions, type RunningHub, run, secret, startHub, temporaryFolder } from "./fixture.js";

const env = { SECRET_KEY: secret };

/** Starts a hub with a history on disk, which is removed after the hub has ended. */
async function startDurable(t: TestContext, args: readonly string[], options: CommandOptions = { env }) {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-history-"));
  const hub = await startHub(t, ["--transport", `lmdb:${folder}/history`, ...args], options);
  t.after(async () => {
    hub.child.kill("SIGKILL");
    await hub.ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  return hub;
}

/** Starts a hub of several processes, and waits until all of them listen. */
async function startWorkers(t: TestContext, count: number): Promise<RunningHub> {
  const hub = await startDurable(t, ["--workers", `${count}`, "--monitor-port", "0"]);
  // Only processes that listen have metrics.
  await until(async () => (await metric(hub, "mercure_transport_ready")) === count);
  return hub;
}

function workersOf({ child }: RunningHub): number[] {
  try {
    return execFileSync("pgrep", ["-P", `${child.pid}`], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number);
  } catch {
    // pgrep fails if it finds nothing.
    return [];
  }
}

/** Publishes over a new connection, so that the next running process gets it. */
async function publish(url: string, data: string, authorization?: string): Promise<void> {
  const headers = {
    authorization: authorization ?? `Bearer ${await token({ publish: ["*"] }, {}, secret)}`,
    "content-type": "application/x-www-form-urlencoded",
  };
  const publication = request(url, { method: "POST", agent: false, headers });
  publication.end(`${new URLSearchParams({ topic: "messages", data })}`);
  const [response] = (await once(publication, "response")) as [IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 200);
}

async function monitorOf(hub: RunningHub, path: string): Promise<string> {
  await hub.until(() => /^Monitor: .*\n/m.test(hub.stdout()));
  const response = await fetch(new URL(path, /^Monitor: (.*)$/m.exec(hub.stdout())![1]!));
  return response.text();
}

async function metric(hub: RunningHub, name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(await monitorOf(hub, "/metrics"))?.[1]);
}

describe("htmx-mercure hub --workers", () => {
  test("brings every update to the streams of all processes, in one order", async (t) => {
    const hub = await startWorkers(t, 3);
    // The system spreads connections over the processes, in turn.
    const streams = await Promise.all(Array.from({ length: 9 }, () => openStream(t, `${hub.url}?topic=messages`)));
    const sent = Array.from({ length: 30 }, (_, i) => `${i}`);
    await Promise.all(sent.map((data) => publish(hub.url, data)));
    const orders: string[][] = [];
    for (const stream of streams) {
      const heard: string[] = [];
      while (heard.length < sent.length) heard.push((await stream.next())!.data);
      orders.push(heard);
    }
    assert.deepEqual([...orders[0]!].sort(), [...sent].sort());
    for (const order of orders) assert.deepEqual(order, orders[0]);
    assert.equal(hub.stderr(), "");
  });

  test("replaces a process that was killed, and its streams resume without a gap at any other", async (t) => {
    const hub = await startWorkers(t, 2);
    const stream = await openStream(t, `${hub.url}?topic=messages`);
    await publish(hub.url, "before");
    const { id } = (await stream.next())!;
    const [victim] = workersOf(hub);
    process.kill(victim!, "SIGKILL");
    await hub.until(() =>
      new RegExp(`worker ${victim} ended \\(SIGKILL\\); another one starts in 100 ms`).test(hub.stderr()),
    );
    await until(() => workersOf(hub).length === 2 && !workersOf(hub).includes(victim!));
    // For a moment nothing may listen, if the other process was still starting.
    const published = () =>
      publish(hub.url, "after").then(
        () => true,
        () => false,
      );
    await until(published);
    for (let i = 0; i < 4; i++) {
      const resumed = await openStream(t, `${hub.url}?topic=messages`, { headers: { "Last-Event-ID": id! } });
      assert.equal((await resumed.next())!.data, "after");
    }
  });

  test("serves one monitor, whose metrics count all processes", async (t) => {
    const hub = await startWorkers(t, 2);
    await Promise.all(Array.from({ length: 6 }, () => openStream(t, `${hub.url}?topic=messages`)));
    for (let i = 0; i < 4; i++) await publish(hub.url, `${i}`);
    assert.equal(await monitorOf(hub, "/healthz/ready"), "ready\n");
    await until(async () => (await metric(hub, "mercure_subscribers_connected")) === 6);
    assert.equal(await metric(hub, "mercure_updates_total"), 4);
    await until(async () => (await metric(hub, "mercure_transport_ready")) === 2);
    const nodes = [...(await monitorOf(hub, "/metrics")).matchAll(/^mercure_node_ready\{node="(.+)"\} 1$/gm)];
    assert.equal(new Set(nodes.map(([, node]) => node)).size, 2, "each process by itself too");
  });

  test("ends all streams and all processes at SIGTERM, with exit code 0", async (t) => {
    const hub = await startWorkers(t, 2);
    const streams = await Promise.all(Array.from({ length: 4 }, () => openStream(t, `${hub.url}?topic=messages`)));
    const workers = workersOf(hub);
    hub.child.kill("SIGTERM");
    // A stream that ends properly has no further event; one that is cut throws.
    for (const stream of streams) while ((await stream.next()) !== undefined);
    assert.equal((await hub.ended).code, 0);
    for (const pid of workers) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  });

  test("gives all processes the secret that development has made", async (t) => {
    const hub = await startDurable(t, ["--workers", "2", "--monitor-port", "0"], { env: {} });
    await hub.until(() => /^Publisher token.*\n/m.test(hub.stdout()));
    const authorization = `Bearer ${/^Publisher token.*: (.*)$/m.exec(hub.stdout())![1]!}`;
    await until(() => workersOf(hub).length === 2);
    for (let i = 0; i < 6; i++) {
      await publish(hub.url, `${i}`, authorization);
    }
  });

  test("refuses several processes that would each have its own history", async (t) => {
    const { code, stderr } = await run(t, ["hub", "--workers", "2"], { env });
    assert.equal(code, 2);
    assert.match(stderr, /Let them share one: --transport lmdb:.\/history/);
  });

  test("ends with the reason when the port is taken", async (t) => {
    const other = await startHub(t, ["--no-monitor"], { env });
    const transport = `lmdb:${temporaryFolder(t)}/history`;
    const { port } = new URL(other.url);
    const flags = ["hub", "--workers", "2", "--transport", transport, "--port", port, "--no-monitor"];
    const { code, stderr } = await run(t, flags, { env });
    assert.equal(code, 1);
    assert.match(stderr, /another program uses|another program listens/);
  });
});

describe("htmx-mercure hub --transport", () => {
  test("continues open streams after a restart without a gap", async (t) => {
    const transport = `lmdb:${temporaryFolder(t)}/history`;
    const before = await startHub(t, ["--transport", transport, "--no-monitor"], { env });
    const stream = await openStream(t, `${before.url}?topic=messages`);
    await publish(before.url, "1");
    const { id } = (await stream.next())!;
    await publish(before.url, "2");
    before.child.kill("SIGKILL");
    await before.ended;
    const after = await startHub(t, ["--transport", transport, "--no-monitor"], { env });
    const response = await fetch(`${after.url}?topic=messages`, { headers: { "Last-Event-ID": id! } });
    assert.equal(response.headers.get("last-event-id"), id);
    await response.body!.cancel();
    const resumed = await openStream(t, `${after.url}?topic=messages`, { headers: { "Last-Event-ID": id! } });
    assert.equal((await resumed.next())!.data, "2");
  });

  test("rejects an unknown transport, and names those that exist", async (t) => {
    const { code, stderr } = await run(t, ["hub", "--transport", "carrier-pigeon:coop"], { env });
    assert.equal(code, 2);
    assert.match(stderr, /The transport "carrier-pigeon:coop" is unknown. Use memory, lmdb: and a folder/);
  });
});
