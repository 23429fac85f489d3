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
import { draft, startHub, subscribe } from "../../hub/fixture.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../../support/redis.js";
import { until } from "../../support/until.js";
import { readLmdb, readPostgres, readRedis } from "./reader-1.js";
import { samples } from "./samples.js";

type Read = { readonly draft?: unknown; readonly control?: unknown } | undefined;
type PostgresRow = Readonly<Record<string, unknown>>;

/** The records of a node of the first version, as the stores held them. */
const frozen = JSON.parse(readFileSync(new URL("version-1.json", import.meta.url), "utf8")) as {
  readonly redis: { readonly records: readonly (readonly [id: string, fields: string[]])[] };
  readonly lmdb: { readonly log: readonly string[] };
  readonly postgres: { readonly log: readonly PostgresRow[] };
};

/** A node of the first version: it writes its frozen records to a log, and reads all others by the frozen reader. */
interface OldNode {
  /** The writes of its records, in their order. */
  readonly writes: readonly (() => Promise<unknown>)[];
  /** Whether its records say which streams it has. */
  readonly hasEntries: boolean;
  /** Writes the record of its end. */
  end(): Promise<unknown>;
  read(): Promise<readonly Read[]>;
}

/** Both nodes write to one log in turn, and each must understand the other. */
async function shareLog(t: TestContext, transport: Transport, old: OldNode): Promise<void> {
  const heard: unknown[] = [];
  const gaps: number[] = [];
  transport.listen({
    update: ({ update: { topics, data } }) => {
      if (topics[0] === "a" || topics[0]!.startsWith("/h/")) heard.push(data);
    },
    gap: (through) => void gaps.push(through),
  });
  const { hub, url, errors } = await startHub(t, { transport });
  await transport.ready;
  const stream = await subscribe(t, url("a"));
  const published: string[] = [];
  for (const write of old.writes) {
    await write();
    published.push(`new ${published.length}`);
    await hub.publish(draft("a", published.at(-1)));
  }
  const told = samples.filter(([{ keep }]) => old.hasEntries || keep !== false);
  await until(() => heard.length === told.length + published.length);
  assert.deepEqual(
    heard.filter((data) => !published.includes(data as string)),
    told.map(([{ data }]) => data),
  );
  assert.deepEqual(
    heard.filter((data) => published.includes(data as string)),
    published,
  );
  await stream.until(({ data }) => data.at(-1) === published.at(-1));
  const people = () => hub.subscriptions("a").flatMap(({ payload }) => (payload === undefined ? [] : [payload]));
  if (old.hasEntries) {
    await until(() => people().length === 1);
    assert.deepEqual(people(), [{ name: "Ada" }]);
    await old.end();
    await until(() => people().length === 0);
  }
  await hub.disconnect({ subject: "ada" });
  const read = await old.read();
  assert.ok(
    read.every((record) => record !== undefined),
    "the old node understands every record",
  );
  const isOfHub = (record: Read) => JSON.stringify(record).includes("/.well-known/mercure/");
  assert.ok(read.some(isOfHub), "those of the hub too");
  const texts = read.map((record) => (record?.draft as { data?: string } | undefined)?.data);
  assert.deepEqual(
    texts.filter((text) => text?.startsWith("new ")),
    published,
  );
  assert.deepEqual([gaps, errors], [[], []]);
}

describe("a node of the first version and one of this version share a log, and each understands the other", () => {
  test("over Redis", { skip: withoutRedis }, async (t) => {
    const server = await RedisServer.start();
    const client = await createClient({ url: server.url }).connect();
    const transport = new RedisTransport({ url: server.url });
    t.after(async () => {
      await transport.close();
      await client.close();
      await server.stop();
    });
    await transport.ready;
    const keys = ["meta", "log"].map((name) => `{mercure}:${name}`);
    const script = `local last = string.format('%.0f', tonumber(redis.call('HGET', KEYS[1], 'last')) + 1)
      redis.call('XADD', KEYS[2], last .. '-0', unpack(ARGV))
      redis.call('HSET', KEYS[1], 'last', last)`;
    const write = (fields: readonly string[]) => client.eval(script, { keys, arguments: [...fields] });
    const { records } = frozen.redis;
    const node = records[0]![1][1]!.split(" ")[0]!;
    await shareLog(t, transport, {
      writes: records.map(
        ([, fields]) =>
          () =>
            write(fields),
      ),
      hasEntries: true,
      end: () => write(["o", "", "c", "", "m", JSON.stringify({ gone: node }), "v", "1"]),
      async read() {
        const found = (await client.sendCommand(["XRANGE", keys[1]!, "-", "+"])) as unknown as [string, string[]][];
        return found.map(([, fields]) =>
          readRedis(
            Object.fromEntries(fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1]!]] : []))),
          ),
        );
      },
    });
  });

  test("over PostgreSQL", { skip: withoutPostgres }, async (t) => {
    const server = await PostgresServer.start();
    const transport = new PostgresTransport({ url: server.url });
    t.after(async () => {
      await transport.close();
      await server.stop();
    });
    await transport.ready;
    const write = (row: PostgresRow) =>
      server.query(
        `insert into mercure.log select * from jsonb_populate_record(null::mercure.log,
          $1::jsonb || jsonb_build_object('position', mercure.next_position()))`,
        [JSON.stringify(row)],
      );
    const { log } = frozen.postgres;
    const node = String(log[0]!.origin).split(" ")[0]!;
    await shareLog(t, transport, {
      writes: log.map((row) => () => write(row)),
      hasEntries: true,
      end: () => write({ control: { gone: node }, version: 1 }),
      read: async () => (await server.query("select * from mercure.log order by position")).map(readPostgres),
    });
  });

  test("over LMDB", async (t) => {
    const path = temporaryFolder(t);
    const store = Store.open(path);
    t.after(() => store.close());
    const transport = new LmdbTransport({ path });
    t.after(() => transport.close());
    await transport.ready;
    await shareLog(t, transport, {
      writes: frozen.lmdb.log.map(
        (text) => () =>
          store.commit((state) => {
            state.head = nextPosition(state.head, Date.now());
            store.log.putSync(positionKey(state.head), text);
          }),
      ),
      // A process has its entries in tables of its own, which name living processes.
      hasEntries: false,
      end: async () => {},
      read: async () => [...store.log.getRange()].map(({ value }) => readLmdb(value)),
    });
  });
});
