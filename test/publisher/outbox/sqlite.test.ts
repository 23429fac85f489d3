import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createClient } from "@libsql/client";
import libsql from "libsql";
import type { OutboxOptions } from "../../../src/index.js";
import { type DatabaseKind, outboxContract, type Query } from "../../contract/outbox.js";
import { begun, typeorm } from "./databases.js";

/** The part of node:sqlite that the tests use. Node 20 does not have it. */
interface NodeSqlite {
  readonly DatabaseSync: new (
    file: string,
    options: { timeout: number },
  ) => { exec(text: string): void; prepare(text: string): unknown; close(): void };
}

const nodeSqlite = process.getBuiltinModule("node:sqlite") as NodeSqlite | undefined;

const kinds: readonly DatabaseKind[] = [
  {
    name: "TypeORM with libsql",
    skip: false,
    async open(t) {
      const file = newFile(t);
      const open = () =>
        typeorm(t, { type: "better-sqlite3", driver: libsql, database: file, enableWAL: true, timeout: 5000 });
      const source = await open();
      await source.query("create table orders (id integer)");
      return {
        options: optionsFrom(source, open),
        transact: (work) => source.transaction((manager) => work(manager, (text) => manager.query(text))),
        query: onFile(t, file),
      };
    },
  },
  {
    name: "libsql",
    skip: false,
    async open(t) {
      const file = newFile(t);
      const database = openFile(t, file);
      database.exec("create table orders (id integer)");
      const query = async (text: string) => database.exec(text);
      return {
        options: optionsFrom(database, () => openFile(t, file)),
        transact: (work) => begun(query, () => work(database, query)),
        query: onFile(t, file),
      };
    },
  },
  {
    name: "@libsql/client",
    skip: false,
    async open(t) {
      const file = newFile(t);
      const query = onFile(t, file);
      await query("create table orders (id integer)");
      const client = createClient({ url: `file:${file}` });
      t.after(() => client.close());
      return {
        async options() {
          const other = createClient({ url: `file:${file}` });
          t.after(() => other.close());
          return { database: other };
        },
        async transact(work) {
          const transaction = await client.transaction("write");
          try {
            const result = await work(transaction, (text) => transaction.execute(text));
            await transaction.commit();
            return result;
          } finally {
            transaction.close();
          }
        },
        query,
      };
    },
  },
  {
    name: "node:sqlite",
    skip: nodeSqlite === undefined && "this version of Node has no node:sqlite",
    async open(t) {
      const file = newFile(t);
      const open = () => {
        const database = new nodeSqlite!.DatabaseSync(file, { timeout: 5000 });
        t.after(() => database.close());
        return database;
      };
      const database = open();
      database.exec("pragma journal_mode = WAL");
      database.exec("create table orders (id integer)");
      const query = async (text: string) => database.exec(text);
      return {
        options: optionsFrom(database, open),
        transact: (work) => begun(query, () => work(database, query)),
        query: onFile(t, file),
      };
    },
  },
];

function newFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "outbox-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "app.db");
}

/** Opens a file as the example app does. */
function openFile(t: TestContext, file: string): libsql.Database {
  const database = new libsql(file, { timeout: 5000 });
  database.pragma("journal_mode = WAL");
  t.after(() => database.close());
  return database;
}

function onFile(t: TestContext, file: string): Query {
  const database = openFile(t, file);
  return async (text) => {
    const statement = database.prepare(text);
    return /^(select|pragma)/.test(text) ? statement.all() : statement.run();
  };
}

/** The first process has the database open. Each later one opens it again. */
function optionsFrom(first: object, open: () => object | Promise<object>): () => Promise<OutboxOptions> {
  let isFirst = true;
  return async () => {
    const database = isFirst ? first : await open();
    isFirst = false;
    return { database };
  };
}

for (const kind of kinds) outboxContract(kind);
