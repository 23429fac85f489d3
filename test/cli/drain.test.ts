import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { token } from "../hub/fixture.js";
import { openStream } from "../support/event-stream.js";
import { until } from "../support/until.js";
import { type RunningHub, secret, startHub } from "./fixture.js";

/** Starts hubs with one history on disk, which is removed after their end. */
async function startHubs(t: TestContext, count: number): Promise<RunningHub[]> {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-history-"));
  const flags = ["--transport", `lmdb:${folder}/history`, "--monitor-port", "0", "--drain-timeout", "3600"];
  const hubs: RunningHub[] = [];
  for (let i = 0; i < count; i++) hubs.push(await startHub(t, flags, { env: { SECRET_KEY: secret } }));
  t.after(async () => {
    for (const { child } of hubs) child.kill("SIGKILL");
    await Promise.all(hubs.map(({ ended }) => ended));
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  return hubs;
}

async function openStreams(t: TestContext, hub: RunningHub, count: number) {
  return Promise.all(Array.from({ length: count }, () => openStream(t, `${hub.url}?topic=messages`)));
}

async function publish({ url }: RunningHub, data: string): Promise<void> {
  const authorization = `Bearer ${await token({ publish: ["*"] }, {}, secret)}`;
  const headers = { authorization, "content-type": "application/x-www-form-urlencoded" };
  const publication = request(url, { method: "POST", agent: false, headers });
  publication.end(`${new URLSearchParams({ topic: "messages", data })}`);
  const [response] = (await once(publication, "response")) as [IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 200);
}

async function readiness(hub: RunningHub): Promise<string> {
  await hub.until(() => /^Monitor: .*\n/m.test(hub.stdout()));
  const response = await fetch(/^Monitor: (.*)$/m.exec(hub.stdout())![1]!);
  return `${response.status} ${await response.text()}`;
}

describe("htmx-mercure hub at SIGTERM, while another process serves the same history", () => {
  test("is not ready, ends its streams one after the other, and continues to publish; a second signal ends it", async (t) => {
    const [a, b] = (await startHubs(t, 2)) as [RunningHub, RunningHub];
    // One stream ends every tenth of a second, so the drain lasts longer than this test.
    const streams = await openStreams(t, a, 600);
    let ended = 0;
    const heard: string[] = [];
    for (const stream of streams) {
      void (async () => {
        for (let event = await stream.next(); event !== undefined; event = await stream.next()) heard.push(event.data);
        ended++;
      })().catch(() => {});
    }
    a.child.kill("SIGTERM");
    await until(async () => (await readiness(a)) === "503 draining\n");
    await until(() => ended > 0);
    await publish(a, "at the draining hub");
    await until(() => heard.length > 0);
    assert.ok(ended < streams.length);
    assert.equal(await readiness(b), "200 ready\n");
    a.child.kill("SIGTERM");
    // A process that ends while it writes to the disk kills itself, and then has no exit code.
    const { code } = await a.ended;
    assert.ok(code === 143 || code === null, `the exit code is ${code}`);
  });

  test("exits with 0 after the last stream, long before the timeout", async (t) => {
    const [a] = (await startHubs(t, 2)) as [RunningHub];
    const streams = await openStreams(t, a, 10);
    a.child.kill("SIGTERM");
    for (const { next } of streams) assert.equal(await next(), undefined);
    assert.equal((await a.ended).code, 0);
  });
});
