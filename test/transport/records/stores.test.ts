import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { createClient } from "@redis/client";
import { positionKey } from "../../../src/transport/lmdb/keys.js";
import { LmdbTransport } from "../../../src/transport/lmdb/lmdb.js";
import { Store } from "../../../src/transport/lmdb/store.js";
import { nextPosition } from "../../../src/transport/positions.js";
import { PostgresTransport } from "../../../src/transport/postgres/postgres.js";
import { RedisTransport } from "../../../src/transport/redis/redis.js";
import type { Transport } from "../../../src/transport/transport.js";
import { temporaryFolder } from "../../cli/fixture.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../../support/redis.js";
import { until } from "../../support/until.js";
import { heardNode } from "../heard-node.js";

const draft = (data: string) => ({ topics: ["a"], data, private: false });

/** A store with a running node, and a function that writes the records of a newer node. */
interface NewerStore {
  open(options: object): Transport;
  /** Writes a record of a newer version and one of an unknown kind, after all others. */
  write(): Promise<void>;
  /** Returns the number of these records in the store. */
  count(): Promise<number>;
}

/**
 * A running node and a later one receive the updates before and after the records of a newer node, and miss nothing.
 */
async function passesOver(t: TestContext, { open, write, count }: NewerStore): Promise<void> {
  const { transport, heard, gaps, lines } = heardNode(t, open);
  await transport.publish(draft("1"));
  await write();
  await transport.publish(draft("2"));
  await until(() => heard.length === 2);
  const later = heardNode(t, open);
  await later.transport.ready;
  await later.transport.publish(draft("3"));
  await until(() => heard.length === 3);
  for (const { transport: each } of [{ transport }, later]) {
    const { updates, lostThrough } = await each.read({ topics: "*", after: 0 });
    assert.deepEqual([updates.map(({ update }) => update.data), lostThrough], [["1", "2", "3"], 0]);
  }
  assert.deepEqual([heard, gaps, lines], [["1", "2", "3"], [], []]);
  assert.equal(await count(), 2, "the records stay");
  await transport.close();
  await later.transport.close();
}

async function startRedis(t: TestContext) {
  const server = await RedisServer.start();
  const client = await createClient({ url: server.url }).connect();
  t.after(async () => {
    await client.close();
    await server.stop();
  });
  return { server, client };
}

describe("records of newer nodes are kept and passed over", () => {
  test("in LMDB", async (t) => {
    const path = temporaryFolder(t);
    const store = Store.open(path);
    const texts = ['["history",["a"],"new",0,null,null,null,null,null,2]', '["future",{"of":"a newer node"}]'];
    await passesOver(t, {
      open: () => new LmdbTransport({ path }),
      write: () =>
        store.commit((state) => {
          for (const text of texts) {
            state.head = nextPosition(state.head, Date.now());
            store.log.putSync(positionKey(state.head), text);
          }
        }),
      count: async () => [...store.log.getRange()].filter(({ value }) => texts.includes(value)).length,
    });
    await store.close();
  });

  test("in Redis", { skip: withoutRedis }, async (t) => {
    const { server, client } = await startRedis(t);
    const key = async (name: string) => (await client.keys("*:log"))[0]!.replace(/log$/, name);
    await passesOver(t, {
      open: (options) => new RedisTransport({ url: server.url, ...options }),
      async write() {
        let last = Number(await client.hGet(await key("meta"), "last"));
        for (const fields of [
          ["o", "", "c", '[["a"],"new",0,null,null]', "m", "{}", "v", "2"],
          ["o", "", "c", "", "m", '{"moved":"a"}', "v", "1"],
        ]) {
          last = nextPosition(last, 0);
          await client.sendCommand(["XADD", await key("log"), `${last}-0`, ...fields]);
        }
        await client.hSet(await key("meta"), "last", `${last}`);
      },
      count: async () => {
        const found = (await client.sendCommand(["XRANGE", await key("log"), "-", "+"])) as unknown as [
          string,
          string[],
        ][];
        return found.filter(([, fields]) => fields.at(-1) === "2" || fields.includes('{"moved":"a"}')).length;
      },
    });
  });

  test("in PostgreSQL", { skip: withoutPostgres }, async (t) => {
    const server = await PostgresServer.start();
    t.after(() => server.stop());
    await passesOver(t, {
      open: (options) => new PostgresTransport({ url: server.url, ...options }),
      async write() {
        await server.query(`insert into mercure.log (position, topics, data, private, version)
          values (mercure.next_position(), '{a}', 'new', false, 2)`);
        await server.query(`insert into mercure.log (position, control)
          values (mercure.next_position(), '{"moved": "a"}')`);
      },
      count: async () => {
        const text = "select count(*)::int as count from mercure.log where version > 1 or control ? 'moved'";
        return ((await server.query(text)) as { count: number }[])[0]!.count;
      },
    });
  });
});

describe("a store of the first version", () => {
  // The bytes are those that a release has written.
  test("is read by a node of this version, updates and control messages alike", { skip: withoutRedis }, async (t) => {
    const { redis } = JSON.parse(readFileSync(new URL("version-1.json", import.meta.url), "utf8")) as {
      redis: { records: [id: string, fields: string[]][] };
    };
    const { server, client } = await startRedis(t);
    for (const [id, fields] of redis.records) await client.sendCommand(["XADD", "{records}:log", id, ...fields]);
    await client.hSet("{records}:meta", "last", redis.records.at(-1)![0].replace("-0", ""));
    const transport = new RedisTransport({ url: server.url, prefix: "records" });
    await transport.ready;
    const read = (topics: string[]) => transport.read({ topics: new Set(topics), after: 0 });
    assert.deepEqual(
      read(["a"]).updates.map(({ update }) => update.data),
      ["x\r\n\0é\u{1f600}\ud800", ""],
    );
    assert.equal(read(["/h/orders/all"]).updates.length, 1);
    await transport.publish(draft("now"));
    assert.equal(read(["a"]).updates.length, 3);
    await transport.close();
  });
});
