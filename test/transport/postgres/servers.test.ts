import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { transportFromUrl } from "../../../src/transport/from-url.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";
import { until } from "../../support/until.js";
import { faultUnderLoad } from "../fault-under-load.js";
import type { HeardNode } from "../heard-node.js";
import { draft, open } from "./node.js";

describe("nodes over a PostgreSQL server", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop());

  for (const [name, fault] of Object.entries<(nodes: readonly HeardNode[]) => Promise<unknown>>({
    "is killed": async () => {
      await server.kill();
      await server.restart();
    },
    "hangs for longer than a call may take": async (nodes) => {
      server.stall();
      await until(() => nodes.every(({ transport }) => transport.state === "away"));
      server.resume();
    },
    "ends all connections": () =>
      server.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'htmx-mercure'"),
  })) {
    test(`lose and repeat nothing when the server ${name}`, async (t) => {
      const url = await server.createDatabase();
      const nodes = [0, 1].map(() => open(t, { url, historyLength: 1_000_000 }));
      await faultUnderLoad(nodes, () => fault(nodes));
    });
  }

  test("are chosen by the URL of the database", async (t) => {
    for (const scheme of ["postgres", "postgresql"]) {
      const url = (await server.createDatabase()).replace(/^postgres/, scheme);
      const transport = transportFromUrl(url, {}, console);
      t.after(() => transport.close());
      await transport.publish(draft("1"));
      assert.deepEqual(await server.query("select data from mercure.history", [], url), [{ data: "1" }]);
    }
  });

  test("share a database in different schemas", async (t) => {
    const url = await server.createDatabase();
    const [one, two] = [open(t, { url, schema: "one" }), open(t, { url, schema: "two" })];
    await Promise.all([one.transport.publish(draft("1")), two.transport.publish(draft("2"))]);
    assert.deepEqual([one.heard, two.heard], [["1"], ["2"]]);
  });

  test("use the settings of the application's pool, and none of its connections", async (t) => {
    await server.query("create role app login superuser password 's3cret'");
    const pool = new pg.Pool({ connectionString: server.urlOf("postgres", "app:s3cret"), max: 1 });
    const taken = await pool.connect();
    t.after(async () => {
      taken.release();
      await pool.end();
    });
    const { transport, heard } = open(t, { pool, schema: "of_pool" });
    await transport.publish(draft("1"));
    assert.deepEqual(heard, ["1"]);
    const text = "select distinct usename from pg_stat_activity where application_name = 'htmx-mercure'";
    assert.deepEqual(await server.query(text), [{ usename: "app" }]);
  });

  test("continue when SQL has published what the protocol forbids", async (t) => {
    const url = await server.createDatabase();
    const { transport, heard, lines } = open(t, { url });
    await transport.ready;
    const publish = (topics: string[], id: string | null = null) =>
      server.query("select mercure.publish($1, $2, id => $3)", [topics, "forbidden", id], url);
    for (const topics of [[], [""], ["*"], [null as unknown as string]]) {
      await assert.rejects(publish(topics), { code: "23514" });
    }
    for (const id of ["", "#1", "a\nb"]) await assert.rejects(publish(["t"], id), { code: "23514" });
    await publish(["/.well-known/mercure/orders/all"]);
    await publish(["t"], "a\tb");
    await server.query("select mercure.publish($1, $2)", [["t"], "good"], url);
    await transport.publish(draft("better"));
    assert.deepEqual(heard, ["good", "better"]);
    assert.match(lines.join("\n"), /an update from SQL is skipped. The topic .* is reserved.*\n.*The id of an update/);
  });

  test("never write the password of the database to their log", async (t) => {
    // The server refuses the start-up message as a wrong password does.
    const refusing = createServer((socket: Socket) => {
      socket.on("error", () => {}).once("data", () => socket.end("not PostgreSQL"));
    }).listen(0, "127.0.0.1");
    await once(refusing, "listening");
    t.after(() => refusing.close());
    const { port } = refusing.address() as { port: number };
    const { lines } = open(t, { url: `postgres://app:s3cret@127.0.0.1:${port}/name` });
    await until(() => lines.length > 0);
    assert.match(lines[0]!, /PostgreSQL is unreachable/);
    assert.doesNotMatch(lines[0]!, /s3cret/);
  });
});

describe("PostgresTransport", () => {
  test("refuses an invalid URL, and does not quote the password in it", () => {
    for (const url of ["postgres://app:s3cret@[::1/name", "postgres://app:s3cret@host:99999999/name"]) {
      assert.throws(
        () => transportFromUrl(url, {}, console),
        (error: Error & { code: string }) => {
          assert.equal(error.code, "ERR_OPTION");
          assert.match(error.message, /URL of PostgreSQL is not valid/);
          assert.doesNotMatch(error.message, /s3cret/);
          return true;
        },
      );
    }
  });

  test("needs the package pg, and names the command that installs it", () => {
    const program = `
      import { Module } from "node:module";
      const resolve = Module._resolveFilename;
      Module._resolveFilename = (name, ...rest) => {
        if (name === "pg") throw Object.assign(new Error("Cannot find module 'pg'"), { code: "MODULE_NOT_FOUND" });
        return resolve(name, ...rest);
      };
      const { transportFromUrl } = await import(${JSON.stringify(new URL("../../../src/transport/from-url.ts", import.meta.url).href)});
      try { transportFromUrl("postgres://localhost/app", {}, console); }
      catch ({ code, message }) { console.log(code, message); }
    `;
    const args = ["--import", "tsx", "--input-type=module", "--eval", program];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.match(stdout, /^ERR_PACKAGE .*npm install pg/, stderr);
  });
});
