import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { RedisTransport } from "../../../src/transport/redis/redis.js";
import { RedisServer, withoutRedis } from "../../support/redis.js";
import { until } from "../../support/until.js";
import { heardNode } from "../heard-node.js";

const draft = (data: string) => ({ topics: ["t"], data, private: false });
const start = "*1\r\n$5\r\nMULTI\r\n";
const end = "*1\r\n$4\r\nEXEC\r\n";

/**
 * Appends to the server's file what a kill leaves of the script that appends a node's second update: all except the
 * last bytes. It is the script of the first update with another number, data and position, all of the same length.
 */
function cutOffSecond(folder: string, position: number): void {
  const name = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((each) =>
    /(incr|only)\.aof$/.test(each),
  );
  const file = join(folder, name!);
  const text = readFileSync(file, "utf8");
  const first = text.lastIndexOf('"first_"');
  const script = text.slice(text.lastIndexOf(start, first), text.indexOf(end, first) + end.length);
  const number = Number(/ (\d)\r\n\$1\r\nc\r\n/.exec(script)![1]);
  const second = script
    .replace(` ${number}\r\n$1\r\nc\r\n`, ` ${number + 1}\r\n$1\r\nc\r\n`)
    .replace("first_", "second")
    .replaceAll(String(position), String(position + 1));
  assert.equal(second.length, script.length);
  appendFileSync(file, second.slice(0, -4));
}

describe("nodes over a Redis server that a kill stops while it writes a script to its disk", {
  skip: withoutRedis,
}, () => {
  test("hear and replay the updates of the script once, even after a second kill runs its beginning", async (t) => {
    const server = await RedisServer.start({ lines: ["appendonly yes", "appendfsync always"] });
    t.after(() => server.stop());
    const open = () => heardNode(t, (common) => new RedisTransport({ ...common, url: server.url, durability: "disk" }));
    const [a, b] = [open(), open()];
    await Promise.all([a.transport.ready, b.transport.ready]);
    await a.transport.publish(draft("first_"));
    await until(() => b.heard.length === 1);

    await server.kill();
    cutOffSecond(server.folder, a.positions[0]!);
    const second = a.transport.publish(draft("second"));
    await server.run();
    assert.match(readFileSync(join(server.folder, "log"), "utf8"), /Truncating the AOF/);
    await second;
    await server.kill();
    await server.run();
    await b.transport.publish(draft("third"));
    await until(() => a.heard.length === 3 && b.heard.length === 3);

    const late = open();
    await late.transport.ready;
    const { updates } = await late.transport.read({ topics: "*", after: 0 });
    assert.deepEqual(
      updates.map(({ position, update }) => [position, update.data]),
      a.heard.map((data, i) => [a.positions[i], data]),
    );
    assert.deepEqual([a.heard, b.heard], [["first_", "second", "third"], a.heard]);
    assert.deepEqual(b.positions, a.positions);
    assert.deepEqual([a.gaps, b.gaps], [[], []]);
  });
});
