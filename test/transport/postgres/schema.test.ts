import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
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

  /** The URL of a database for a role that may connect, and no more. */
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
      /has no schema mercure\. The hub may not create it: permission denied.*npx htmx-mercure schema --schema mercure --role ROLE/,
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
