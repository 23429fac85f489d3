import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { schemaSql } from "../../../src/transport/postgres/schema.js";
import { schemaRevision } from "../../../src/transport/postgres/schema-version.js";
import { run } from "../../cli/fixture.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";
import { until } from "../../support/until.js";
import { draft, open } from "./node.js";

describe("the schema of PostgreSQL", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
    await server.query("create role hub login");
  });
  after(() => server.stop());

  /** The URL of a database for a role that may only connect. */
  const forHub = (url: string) => url.replace("//postgres@", "//hub@");

  test("is created once when several nodes start at once", async (t) => {
    const url = await server.createDatabase();
    const nodes = Array.from({ length: 8 }, () => open(t, { url }));
    await Promise.all(nodes.map(({ transport }) => transport.publish(draft("1"))));
    await until(() => nodes.every(({ transport }) => transport.head === nodes[0]!.transport.head));
    assert.doesNotMatch(
      nodes.flatMap(({ lines }) => lines).join("\n"),
      /already exists|duplicate|deadlock|concurrently/,
    );
    assert.deepEqual(await server.query("select version from mercure.meta", [], url), [{ version: 1 }]);
  });

  test("is printed by the command, for a role that may not create it", async (t) => {
    const url = await server.createDatabase();
    const { transport, lines, heard } = open(t, { url: forHub(url) });
    await until(() => lines.length > 0);
    assert.match(
      lines[0]!,
      /has no schema mercure\. The hub cannot create it: permission denied.*npx htmx-mercure schema --schema mercure --role ROLE/,
    );
    assert.equal(transport.state, "starting");
    const { code, stdout, stderr } = await run(t, ["schema", "--role", "hub"]);
    assert.deepEqual([code, stderr], [0, ""]);
    await server.query(stdout, undefined, url);
    await transport.publish(draft("1"));
    assert.deepEqual(heard, ["1"]);
    // The migration can run again, and changes nothing.
    await server.query(stdout, undefined, url);
    await transport.publish(draft("2"));
    assert.deepEqual(heard, ["1", "2"]);
  });

  test("is printed under the name of --schema, which must be a simple name", async (t) => {
    const url = await server.createDatabase();
    const { stdout } = await run(t, ["schema", "--schema", "chat_hub"]);
    await server.query(stdout, undefined, url);
    await open(t, { url, schema: "chat_hub", createSchema: false }).transport.publish(draft("1"));
    for (const name of ["", "A", "a b", 'a"; drop table users', "1a", "a".repeat(64)]) {
      const wrong = await run(t, ["schema", "--schema", name]);
      assert.equal(wrong.code, 2, name);
      assert.equal(wrong.stdout, "");
    }
  });

  test("is missing with createSchema: false, and the error names the command that prints it", async (t) => {
    const url = await server.createDatabase();
    const { lines } = open(t, { url, createSchema: false });
    await until(() => lines.length > 0);
    assert.match(lines[0]!, /The database has no schema mercure\. Create it .*npx htmx-mercure schema/);
    assert.deepEqual(await server.query("select to_regclass('mercure.meta') as meta", [], url), [{ meta: null }]);
  });

  /** Makes a schema as an earlier revision left it: a function and a column of today are not there. */
  const age = (url: string) =>
    server.query(
      `alter table mercure.log drop column version;
      create or replace function mercure.next_position() returns bigint language sql as 'select null::bigint';
      comment on view mercure.history is null`,
      undefined,
      url,
    );

  test("is brought up to date by the nodes that start, and nodes that run continue", async (t) => {
    const url = await server.createDatabase();
    await server.query(schemaSql("mercure"), undefined, url);
    await age(url);
    const nodes = Array.from({ length: 4 }, () => open(t, { url }));
    await Promise.all(nodes.map(({ transport }) => transport.publish(draft("1"))));
    await server.query("comment on view mercure.history is null", [], url);
    const late = open(t, { url });
    await Promise.all([...nodes, late].map(({ transport }) => transport.publish(draft("2"))));
    await until(() => nodes.every(({ heard }) => heard.length === 9));
    assert.deepEqual(
      [...nodes, late].flatMap(({ lines, gaps }) => [...lines, ...gaps]),
      [],
    );
    const text = "select obj_description('mercure.history'::regclass, 'pg_class') as revision";
    assert.deepEqual(await server.query(text, [], url), [{ revision: `revision ${schemaRevision}` }]);
  });

  test("serves a node that may not bring it up to date, and one line names the command that does", async (t) => {
    const url = await server.createDatabase();
    await server.query(schemaSql("mercure", "hub"), undefined, url);
    await server.query("comment on view mercure.history is null", [], url);
    for (const options of [{ url: forHub(url) }, { url, createSchema: false }]) {
      const { transport, lines } = open(t, options);
      await transport.publish(draft("1"));
      assert.equal(lines.length, 1);
      assert.match(
        lines[0]!,
        /schema mercure is older .*(?:permission denied|createSchema is false).*npx htmx-mercure schema/,
      );
    }
  });

  // The nodes replace the functions of a database only when the revision is higher.
  test("has a new revision whenever its statements change", () => {
    const hash = createHash("sha256").update(schemaSql("mercure")).digest("hex").slice(0, 16);
    assert.deepEqual(
      [schemaRevision, hash],
      [3, "e9455996e85749dd"],
      "raise schemaRevision, and note the new hash here",
    );
  });

  test("is left alone when it is of a newer version", async (t) => {
    const url = await server.createDatabase();
    const first = open(t, { url });
    await first.transport.publish(draft("1"));
    await first.transport.close();
    await server.query("update mercure.meta set version = 99", [], url);
    const { transport, lines } = open(t, { url });
    await until(() => lines.length > 0);
    assert.match(lines[0]!, /The schema mercure has the version 99, and this version of htmx-mercure knows 1\. Update/);
    assert.equal(transport.state, "starting");
    assert.deepEqual(await server.query("select version from mercure.meta", [], url), [{ version: 99 }]);
  });

  test("has a view of the history that SQL can join", async (t) => {
    const url = await server.createDatabase();
    const { transport } = open(t, { url });
    await transport.publish({ topics: ["orders/7"], data: "paid", private: true, id: "urn:1" });
    await transport.publish({ topics: ["orders/8"], data: "live only", private: false, keep: false });
    await server.query("create table orders (topic text, name text)", [], url);
    await server.query("insert into orders values ('orders/7', 'seven')", [], url);
    const text = `select name, data, id, private, published_at > now() - interval '1 hour' as recent
      from mercure.history join orders on topic = any (topics)`;
    assert.deepEqual(await server.query(text, [], url), [
      { name: "seven", data: "paid", id: "urn:1", private: true, recent: true },
    ]);
  });
});
