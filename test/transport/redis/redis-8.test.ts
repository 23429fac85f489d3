import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { withoutCompiler } from "../../../bench/harness/compiled.js";
import { setDelay, slowDisk } from "../../../bench/harness/slow-disk.js";
import { RedisTransport, type RedisTransportOptions } from "../../../src/transport/redis/redis.js";
import { RedisServer, redis8, withoutRedis8 } from "../../support/redis.js";
import { until } from "../../support/until.js";
import { heardNode } from "../heard-node.js";

const everySecond = ["appendonly yes", "appendfsync everysec"];
const draft = (data: string) => ({ topics: ["t"], data, private: false });

function open(t: TestContext, options: RedisTransportOptions) {
  return heardNode(t, (common) => new RedisTransport({ ...common, ...options }));
}

describe("nodes over Redis 8", { skip: withoutRedis8 || withoutCompiler }, () => {
  test("acknowledge an update with the durability disk once WAITAOF confirms it", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "redis-8-test-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const delay = join(folder, "delay");
    setDelay(delay, 0);
    const server = await RedisServer.start({ program: redis8, lines: everySecond, env: slowDisk(delay) });
    t.after(() => server.stop());
    const { url } = server;
    const inMemory = open(t, { url });
    const impatient = open(t, { url, durability: "disk", publishTimeout: 10 });
    const patient = open(t, { url, durability: "disk" });
    await patient.transport.publish(draft("1"));
    // The next write to the disk takes until the end of the test.
    setDelay(delay, 600_000);
    await inMemory.transport.publish(draft("2"));
    await assert.rejects(impatient.transport.publish(draft("3")), {
      code: "ERR_TRANSPORT",
      message: /the update is not on the disk of the server/,
    });
    await until(() => patient.heard.length === 3);
    assert.deepEqual(patient.heard, ["1", "2", "3"]);
  });

  test("lose nothing that WAITAOF has confirmed when the server is killed", async (t) => {
    const server = await RedisServer.start({ program: redis8, lines: everySecond });
    t.after(() => server.stop());
    const nodes = [0, 1].map(() => open(t, { url: server.url, durability: "disk", historyLength: 10_000 }));
    const [a, b] = nodes.map(({ transport }) => transport) as [RedisTransport, RedisTransport];
    const published: Promise<unknown>[] = [];
    for (let i = 0; i < 100; i++) published.push(a.publish(draft(`a-${i}`)), b.publish(draft(`b-${i}`)));
    await Promise.all(published);
    await server.kill();
    await server.run();
    await a.publish(draft("last"));
    await until(() => nodes.every(({ heard }) => heard.length === 201));
    assert.deepEqual(nodes[0]!.heard, nodes[1]!.heard);
    const restarted = open(t, { url: server.url, historyLength: 10_000 });
    await restarted.transport.ready;
    const { updates } = restarted.transport.read({ topics: "*", after: 0 });
    assert.deepEqual(
      updates.map(({ update }) => update.data),
      nodes[0]!.heard,
    );
    assert.deepEqual(
      nodes.map(({ gaps }) => gaps),
      [[], []],
    );
  });
});
