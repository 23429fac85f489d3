import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { PostgresTransport } from "../../../src/transport/postgres/postgres.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";
import { until } from "../../support/until.js";

const levels = ["read committed", "repeatable read", "serializable"];

describe("mercure.publish() in a transaction", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop());

  test("delivers only committed updates, in one order on all nodes, at every isolation level", async () => {
    const url = await server.createDatabase();
    const nodes = [new PostgresTransport({ url }), new PostgresTransport({ url })];
    const pool = new pg.Pool({ connectionString: url, max: 20 });
    const heard: string[][] = nodes.map(() => []);
    for (const [index, node] of nodes.entries()) {
      node.listen({ update: ({ update }) => heard[index]!.push(update.data) });
      await node.ready;
    }
    const transaction = async (index: number) => {
      const client = await pool.connect();
      await client.query(`begin isolation level ${levels[index % 3]}`);
      await client.query("savepoint undone");
      await client.query("select mercure.publish($1, $2)", [["topic"], `undone ${index}`]);
      await client.query("rollback to undone");
      await client.query("select mercure.publish($1, $2)", [["topic"], `transaction ${index}`]);
      await client.query(index % 10 === 0 ? "rollback" : "commit");
      client.release();
    };
    const hubs = (index: number) =>
      nodes[index % 2]!.publish({ topics: ["topic"], data: `hub ${index}`, private: false });
    await Promise.all(Array.from({ length: 400 }, (_, index) => Promise.all([transaction(index), hubs(index)])));
    await until(() => heard.every((each) => each.length >= 760));
    assert.deepEqual(heard[0], heard[1]);
    const expected = Array.from({ length: 400 }, (_, index) => [
      `hub ${index}`,
      ...(index % 10 === 0 ? [] : [`transaction ${index}`]),
    ]);
    assert.deepEqual([...heard[0]!].sort(), expected.flat().sort());
    await Promise.all([pool.end(), ...nodes.map((node) => node.close())]);
  });

  test("delivers updates in the order of the commits, past a long transaction that has published earlier", async () => {
    const url = await server.createDatabase();
    const node = new PostgresTransport({ url });
    await node.ready;
    const heard: string[] = [];
    node.listen({ update: ({ update }) => heard.push(update.data) });
    const long = new pg.Client({ connectionString: url });
    await long.connect();
    await long.query("begin");
    await long.query("select mercure.publish($1, $2)", [["topic"], "first call"]);
    await node.publish({ topics: ["topic"], data: "first commit", private: false });
    await server.query("select mercure.publish($1, $2)", [["topic"], "second commit"], url);
    await until(() => heard.length === 2);
    await long.query("commit");
    await until(() => heard.length === 3);
    assert.deepEqual(heard, ["first commit", "second commit", "first call"]);
    await Promise.all([long.end(), node.close()]);
  });
});
