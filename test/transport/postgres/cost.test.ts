import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Announcements } from "../../../src/transport/postgres/announcements.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";
import { draft, open } from "./node.js";

describe("a statement of the hub", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start(["shared_preload_libraries=pg_stat_statements"]);
    await server.query("create extension pg_stat_statements");
  });
  after(() => server.stop());

  test("is never so expensive to the planner that PostgreSQL compiles it", async (t) => {
    const url = await server.createDatabase();
    await open(t, { url }).transport.ready;
    // The planner has no statistics about a table that has just been filled.
    const filling = `insert into mercure.log (position, topics, data, private, origin)
      select g, array['old'], repeat('x', 200), false, 'n ' || g from generate_series(1, 50000) g`;
    await server.query(filling, [], url);
    const { transport } = open(t, { url });
    for (let i = 0; i < 10; i++) await transport.publish(draft(String(i)));
    const compiled =
      "select query, jit_functions from pg_stat_statements where jit_functions > 0 and query ~ 'mercure'";
    assert.deepEqual(await server.query(compiled), []);
  });
});

describe("an announcement of the database", () => {
  test("wakes a reader only for records that are new to it", async () => {
    const announcements = new Announcements("mercure", 60_000);
    announcements.beginReading();
    let isAwake = false;
    const woken = announcements.wait(10).then(() => {
      isAwake = true;
    });
    announcements.announce(10);
    await setImmediate();
    assert.equal(isAwake, false);
    announcements.announce(11);
    await woken;
  });

  test("with a position that does not exist causes one reading", async () => {
    const announcements = new Announcements("mercure", 60_000);
    announcements.announce(Number.MAX_SAFE_INTEGER);
    await announcements.wait(10);
    announcements.beginReading();
    let isAwake = false;
    const woken = announcements.wait(10).then(() => {
      isAwake = true;
    });
    await setImmediate();
    assert.equal(isAwake, false);
    announcements.announce(Infinity);
    await woken;
  });
});
