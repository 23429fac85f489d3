import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deafPooler } from "../../support/deaf-pooler.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";
import { until } from "../../support/until.js";
import { draft, open } from "./node.js";

const warning = /^htmx-mercure: notifications of PostgreSQL do not arrive.* reads the log every 50 ms/;

describe("a pooler that swallows notifications", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop());

  test("is noticed at the start, and the node polls", async (t) => {
    const url = await server.createDatabase();
    const pooler = await deafPooler(t, url);
    const behind = open(t, { url: pooler.url, pollInterval: 0.05 });
    const direct = open(t, { url });
    await Promise.all([behind.transport.ready, direct.transport.ready]);
    assert.equal(behind.lines.length, 1);
    assert.match(behind.lines[0]!, warning);
    for (const data of ["1", "2", "3"]) {
      await direct.transport.publish(draft(data));
      await until(() => behind.heard.at(-1) === data);
    }
    await behind.transport.publish(draft("4"));
    await until(() => direct.heard.length === 4);
    assert.deepEqual(behind.heard, direct.heard);
    assert.ok(pooler.dropped > 0);
  });

  test("is noticed later too, when it begins to swallow them", async (t) => {
    const url = await server.createDatabase();
    const pooler = await deafPooler(t, url);
    pooler.isDeaf = false;
    const behind = open(t, { url: pooler.url, pollInterval: 0.05 });
    const direct = open(t, { url });
    await Promise.all([behind.transport.ready, direct.transport.ready]);
    pooler.isDeaf = true;
    await direct.transport.publish(draft("1"));
    await until(() => behind.heard.length === 1);
    await until(() => behind.lines.length > 0);
    assert.match(behind.lines[0]!, warning);
    await direct.transport.publish(draft("2"));
    await until(() => behind.heard.length === 2);
    assert.deepEqual(behind.heard, ["1", "2"]);
    assert.deepEqual(behind.gaps, []);
  });
});
