// Writes the records of this version as the stores hold them. Run it once for each new version of the records, and keep
// the files of the earlier versions: node --import tsx test/transport/records/freeze.ts
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { LmdbTransport } from "../../../src/transport/lmdb/lmdb.js";
import { Store } from "../../../src/transport/lmdb/store.js";
import { PostgresTransport } from "../../../src/transport/postgres/postgres.js";
import { recordVersion } from "../../../src/transport/record-version.js";
import { RedisTransport } from "../../../src/transport/redis/redis.js";
import type { Transport } from "../../../src/transport/transport.js";
import { PostgresServer } from "../../support/postgres-server.js";
import { RedisServer } from "../../support/redis.js";
import { entries, samples } from "./samples.js";

async function fill(transport: Transport): Promise<void> {
  await transport.ready;
  for (const [key, value] of entries) {
    transport.nodes.tell(key, value ?? undefined);
    await transport.publish({ topics: ["wait"], data: "", private: false, keep: false });
  }
  for (const [draft, own] of samples) await transport.publish(draft, own);
}

async function redis(): Promise<unknown> {
  const server = await RedisServer.start();
  const transport = new RedisTransport({ url: server.url });
  await fill(transport);
  const client = await createClient({ url: server.url }).connect();
  const [log] = (await client.keys("*:log")) as [string];
  const records = await client.sendCommand(["XRANGE", log, "-", "+"]);
  const table = await client.hGetAll(log.replace(/log$/, "entries"));
  await client.close();
  await transport.close();
  await server.stop();
  return { records, entries: Object.entries(table).flat() };
}

async function lmdb(): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-records-"));
  const transport = new LmdbTransport({ path: folder });
  await fill(transport);
  const store = Store.open(folder);
  const text = (table: { getRange(): Iterable<{ value: unknown }> }) => [...table.getRange()].map(({ value }) => value);
  const found = {
    log: text(store.log),
    entries: text(store.entries),
    changes: text(store.changes),
    state: store.state(),
  };
  await store.close();
  await transport.close();
  rmSync(folder, { recursive: true });
  return found;
}

async function postgres(): Promise<unknown> {
  const server = await PostgresServer.start();
  const transport = new PostgresTransport({ url: server.url });
  await fill(transport);
  const log = await server.query("select * from mercure.log order by position");
  const table = await server.query("select * from mercure.entries order by key");
  await transport.close();
  await server.stop();
  return { log, entries: table };
}

const found = { redis: await redis(), lmdb: await lmdb(), postgres: await postgres() };
writeFileSync(new URL(`version-${recordVersion}.json`, import.meta.url), `${JSON.stringify(found, undefined, 1)}\n`);
