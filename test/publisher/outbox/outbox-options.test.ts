import assert from "node:assert/strict";
import { describe, test } from "node:test";
import libsql from "libsql";
import mysql from "mysql2/promise";
import pg from "pg";
import { DataSource } from "typeorm";
import type { Transaction } from "../../../src/index.js";
import { readOutboxOptions } from "../../../src/publisher/outbox/outbox-options.js";
import { outboxSql } from "../../../src/publisher/outbox/tables.js";
import { application } from "../../support/application.js";

const source = (type: "better-sqlite3" | "postgres") =>
  new DataSource({ type, driver: libsql, database: ":memory:" } as never);

describe("the option outbox", () => {
  test("recognizes TypeORM, mysql2, libsql and @libsql/client, and has defaults", async () => {
    const sqlite = new libsql(":memory:");
    const pool = mysql.createPool("mysql://127.0.0.1:1/test");
    const dialectOf = (database: object, dialect?: "mysql") =>
      readOutboxOptions({ database, dialect })!.database.dialect;
    assert.equal(dialectOf(source("better-sqlite3")), "sqlite");
    assert.equal(dialectOf(sqlite), "sqlite");
    assert.equal(dialectOf({ execute: async () => ({ rows: [] }), batch() {} }), "sqlite");
    assert.equal(dialectOf(pool), "mysql");
    assert.equal(dialectOf({ query: async () => [] }, "mysql"), "mysql");
    const { table, createTable, relay, pollInterval } = readOutboxOptions({ database: sqlite })!;
    assert.deepEqual([table, createTable, relay, pollInterval], ["mercure_outbox", true, true, 1000]);
    sqlite.close();
    await pool.end();
  });

  test("refuses other values, and says what to write", () => {
    const database = new libsql(":memory:");
    const wrong: [object, RegExp][] = [
      [{}, /outbox\.database is missing/],
      [{ database: "app.db" }, /outbox\.database must be an object/],
      [{ database: {} }, /must be a DataSource of TypeORM, a pool of mysql2/],
      [{ database: { query() {} } }, /together with outbox\.dialect/],
      [{ database: new pg.Pool() }, /together with outbox\.dialect/],
      [{ database: source("postgres") }, /type postgres, and must have the type mysql, mariadb, better-sqlite3/],
      [{ database, dialect: "oracle" }, /outbox\.dialect must be one of "sqlite", "mysql"/],
      [{ database, table: "x; drop table y" }, /outbox\.table must consist of 1 to 51 lower-case letters/],
      [{ database, pollInterval: 0 }, /outbox\.pollInterval must be a number, min 0\.01, max 60/],
      [{ database, relay: "no" }, /outbox\.relay must be true or false/],
      [{ database, tabel: "x" }, /outbox\.tabel does not exist\. Did you mean "table"/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => readOutboxOptions(options), { code: "ERR_OPTION", message });
    }
    database.close();
  });

  test("makes a transaction without an outbox an error that names the option", async (t) => {
    const { kit } = application(t, {}, { transport: "memory" });
    const database = new libsql(":memory:");
    database.exec("begin");
    await assert.rejects(kit.sse.publish("orders", "1", { transaction: database }), {
      code: "ERR_OPTION",
      message: /needs the option outbox of mercure\(\), or a transport of the application's database/,
    });
    assert.equal(kit.outboxState(), undefined);
    await kit.close();
    database.close();
  });

  test("refuses a value that has not begun a transaction of the outbox's database", async (t) => {
    const database = new libsql(":memory:");
    const other = new libsql(":memory:");
    other.exec("begin");
    const orm = new DataSource({ type: "better-sqlite3", driver: libsql, database: ":memory:" });
    await orm.initialize();
    const pool = mysql.createPool("mysql://127.0.0.1:1/test");
    const { kit } = application(t, {}, { transport: "memory", outbox: { database } });
    // The tables are there, so no publish creates them in its own transaction.
    while (kit.outboxState() !== "ready") await new Promise(setImmediate);
    const closed = new libsql(":memory:");
    closed.close();
    const wrong: [unknown, RegExp][] = [
      [null, /has no function query/],
      [{}, /has no function query/],
      [database, /has not begun a transaction/],
      [closed, /has not begun a transaction/],
      [{ execute() {}, transaction() {} }, /has not begun a transaction/],
      [pool, /is a pool/],
      [orm.manager, /has not begun a transaction/],
      [other, /is not one of the outbox's sqlite database: no such table: mercure_outbox/],
    ];
    for (const [transaction, message] of wrong) {
      const published = kit.sse.publish("orders", "1", { transaction: transaction as Transaction });
      await assert.rejects(published, { code: "ERR_OPTION", message });
    }
    await kit.close();
    await Promise.all([orm.destroy(), pool.end()]);
    for (const each of [database, other]) each.close();
  });

  test("says that the database is not open, and ends where it was closed before the kit", async (t) => {
    const database = new libsql(":memory:");
    const { kit, errors } = application(t, {}, { transport: "memory", outbox: { database, pollInterval: 0.01 } });
    while (kit.outboxState() !== "ready") await new Promise(setImmediate);
    database.close();
    while (kit.outboxState() !== "away") await new Promise(setImmediate);
    assert.match(String(errors[0]), /the outbox fails, and retries until it works: the database is not open/);
    await kit.close();
  });

  test("has tables that their SQL creates, also a second time", () => {
    const database = new libsql(":memory:");
    for (let time = 0; time < 2; time++) database.exec(outboxSql("sqlite"));
    assert.deepEqual(database.prepare("select only_row from mercure_outbox_relay").all(), [{ only_row: 1 }]);
    assert.match(outboxSql("mysql", "app_outbox"), /create table if not exists app_outbox .* engine = InnoDB;/);
    database.close();
  });
});
