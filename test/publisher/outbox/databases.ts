import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createClient } from "@libsql/client";
import libsql from "libsql";
import mysql from "mysql2/promise";
import { DataSource } from "typeorm";
import type { OutboxOptions, Transaction } from "../../../src/index.js";
import { MariadbServer, withoutMariadb } from "../../support/mariadb-server.js";

/** A database with a table `orders` and an outbox, as an application uses it by one package. */
export interface Database {
  /** A new set of options: each stands for one process. */
  options(): Promise<OutboxOptions>;
  /** Begins a transaction, and commits it after the work. An error of the work rolls it back. */
  transact<T>(work: (transaction: Transaction, query: Query) => Promise<T>): Promise<T>;
  /** Runs a statement in a connection of its own, outside of any transaction. */
  query: Query;
}

export type Query = (text: string) => Promise<unknown>;

export interface Kind {
  readonly name: string;
  readonly skip: string | false;
  open(t: TestContext): Promise<Database>;
}

export type Rows = Record<string, unknown>[];

let server: Promise<MariadbServer> | undefined;

/** Stops the server of all tests of a file. */
export async function stopMariadb(): Promise<void> {
  await (await server)?.stop();
}

export function mariadb(): Promise<MariadbServer> {
  server ??= MariadbServer.start();
  return server;
}

function newFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "outbox-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "app.db");
}

/** Opens a file as the example app does. */
export function openFile(t: TestContext, file: string): libsql.Database {
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

async function begun<T>(query: Query, work: () => Promise<T>): Promise<T> {
  await query("begin");
  try {
    const result = await work();
    await query("commit");
    return result;
  } catch (error) {
    await query("rollback");
    throw error;
  }
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

async function typeorm(t: TestContext, options: ConstructorParameters<typeof DataSource>[0]): Promise<DataSource> {
  const source = new DataSource(options);
  await source.initialize();
  t.after(() => source.destroy());
  return source;
}

export const kinds: readonly Kind[] = [
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
    name: "mysql2",
    skip: withoutMariadb,
    async open(t) {
      const running = await mariadb();
      const uri = running.uri(await running.createDatabase());
      const pool = mysql.createPool(uri);
      t.after(() => pool.end());
      await pool.query("create table orders (id integer)");
      return {
        async options() {
          const own = mysql.createPool(uri);
          t.after(() => own.end());
          return { database: own };
        },
        async transact(work) {
          const connection = await pool.getConnection();
          const query = (text: string) => connection.query(text);
          try {
            return await begun(query, () => work(connection, query));
          } finally {
            connection.release();
          }
        },
        query: async (text) => (await pool.query(text))[0],
      };
    },
  },
  {
    name: "TypeORM with mysql2",
    skip: withoutMariadb,
    async open(t) {
      const running = await mariadb();
      const url = running.uri(await running.createDatabase());
      const source = await typeorm(t, { type: "mysql", url });
      await source.query("create table orders (id integer)");
      return {
        options: async () => ({ database: source }),
        transact: (work) => source.transaction((manager) => work(manager, (text) => manager.query(text))),
        query: (text) => source.query(text),
      };
    },
  },
];
