import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import pg from "pg";
import { DataSource, EntitySchema } from "typeorm";
import { application } from "../../support/application.js";
import { openStream } from "../../support/event-stream.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";

class Order {
  id!: number;
  state!: string;
}

const schema = new EntitySchema<Order>({
  name: "Order",
  target: Order,
  tableName: "orders",
  columns: { id: { type: Number, primary: true }, state: { type: String } },
});

const levels = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] as const;

describe("sse.publish() with the option transaction", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop());

  /** An application whose hub and own tables share a database, a stream of its topic, and a client of pg. */
  async function start(t: TestContext) {
    const url = await server.createDatabase();
    const { kit, listen } = application(t, {}, { transport: url });
    const origin = await listen();
    await kit.hub.ready;
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    t.after(() => client.end());
    const stream = await openStream(t, `${origin}/.well-known/mercure?topic=orders`);
    /** Resolves to the data of all updates up to a last one, which is published now. */
    const received = async () => {
      await kit.sse.publish("orders", "end");
      const all: string[] = [];
      for (let event = await stream.next(); event?.data !== "end"; event = await stream.next()) all.push(event!.data);
      return all;
    };
    return { url, sse: kit.sse, kit, client, stream, received };
  }

  async function orm(t: TestContext, url: string): Promise<DataSource> {
    const database = new DataSource({ type: "postgres", url, entities: [schema], synchronize: true });
    await database.initialize();
    t.after(() => database.destroy());
    return database;
  }

  test("delivers the update after the commit, and not before it", async (t) => {
    const { sse, client, received } = await start(t);
    await client.query("begin");
    assert.equal(await sse.publish("orders", "in transaction", { transaction: client }), "");
    await sse.publish("orders", "before the commit");
    await client.query("commit");
    assert.deepEqual(await received(), ["before the commit", "in transaction"]);
  });

  test("delivers nothing after a rollback, nor after the connection was lost", async (t) => {
    const { sse, client, url, received } = await start(t);
    await client.query("begin");
    await sse.publish("orders", "rolled back", { transaction: client });
    await client.query("rollback");
    const lost = new pg.Client({ connectionString: url });
    lost.on("error", () => {});
    await lost.connect();
    await lost.query("begin");
    await sse.publish("orders", "lost", { transaction: lost });
    const [{ pid }] = (await lost.query("select pg_backend_pid() as pid")).rows;
    await server.query("select pg_terminate_backend($1)", [pid]);
    assert.deepEqual(await received(), []);
  });

  test("delivers in the order of the commits, past a long transaction that has published earlier", async (t) => {
    const { sse, client, url, received } = await start(t);
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    t.after(() => other.end());
    await client.query("begin");
    await sse.publish("orders", "long", { transaction: client });
    await other.query("begin");
    await sse.publish("orders", "short", { transaction: other });
    await other.query("commit");
    await client.query("commit");
    assert.deepEqual(await received(), ["short", "long"]);
  });

  for (const level of levels) {
    test(`delivers the updates that TypeORM commits with ${level}, and none of a rolled-back savepoint`, async (t) => {
      const { sse, url, received } = await start(t);
      const database = await orm(t, url);
      await database.transaction(level, async (manager) => {
        await manager.save(Order, { id: 1, state: "new" });
        await sse.publish("orders", "1", { transaction: manager });
        // A transaction in a transaction is a savepoint.
        await assert.rejects(
          manager.transaction(async (inner) => {
            await sse.publish("orders", "undone", { transaction: inner });
            throw new Error("undo");
          }),
          /undo/,
        );
        await manager.transaction((inner) => sse.publish("orders", "2", { transaction: inner }));
        await sse.remove("orders", "order-1", { transaction: manager });
      });
      await assert.rejects(
        database.transaction(level, async (manager) => {
          await sse.publish("orders", "rolled back", { transaction: manager });
          throw new Error("undo");
        }),
        /undo/,
      );
      assert.deepEqual(await received(), ["1", "2", '<div id="order-1" hx-swap-oob="delete"></div>']);
    });
  }

  test("never makes a transaction fail that does not conflict, at any isolation level", async (t) => {
    const { sse, url, received } = await start(t);
    const database = await orm(t, url);
    const ids = Array.from({ length: 60 }, (_, id) => id);
    await Promise.all(
      ids.map((id) =>
        database.transaction(levels[id % 3]!, async (manager) => {
          await manager.insert(Order, { id, state: "new" });
          await sse.publish("orders", String(id), { transaction: manager });
        }),
      ),
    );
    const all = await received();
    assert.deepEqual(
      all.map(Number).sort((a, b) => a - b),
      ids,
    );
  });

  test("delivers an update once if a conflict of serializable transactions repeats it", async (t) => {
    const { sse, url, client, received } = await start(t);
    const database = await orm(t, url);
    await database.manager.save(Order, { id: 1, state: "0" });
    let attempts = 0;
    const increment = async (text: string, meanwhile?: () => Promise<void>) => {
      attempts++;
      await database.transaction("SERIALIZABLE", async (manager) => {
        const order = await manager.findOneByOrFail(Order, { id: 1 });
        await sse.publish("orders", text, { transaction: manager });
        await meanwhile?.();
        await manager.update(Order, 1, { state: String(Number(order.state) + 1) });
      });
    };
    const conflict = async () => void (await client.query("update orders set state = '10' where id = 1"));
    await assert.rejects(increment("incremented", conflict), { code: "40001" });
    await increment("incremented");
    assert.equal(attempts, 2);
    assert.deepEqual(await received(), ["incremented"]);
  });

  test("is delayed by no unrelated transaction that stays open", async (t) => {
    const { sse, url, client, received } = await start(t);
    const unrelated = new pg.Client({ connectionString: url });
    await unrelated.connect();
    t.after(() => unrelated.end());
    await unrelated.query("create table other (id int)");
    await unrelated.query("begin isolation level serializable");
    await unrelated.query("insert into other values (1)");
    await client.query("begin");
    await sse.publish("orders", "1", { transaction: client });
    await client.query("commit");
    assert.deepEqual(await received(), ["1"]);
  });

  test("keeps every option and any text of the update, and renders models", async (t) => {
    const { sse, client, stream } = await start(t);
    const data = "NUL \0, half a pair \ud800 and lines\n1\r\n2";
    await client.query("begin");
    const options = { id: "urn:1", type: "paid", retry: 7, transaction: client };
    assert.equal(await sse.publish("orders", data, options), "urn:1");
    await sse.publish("orders", { id: 7 }, { key: "7", transaction: client });
    await client.query("commit");
    const event = await stream.next();
    assert.deepEqual(
      [event?.id, event?.event, event?.data],
      ["urn:1", "paid", "NUL \0, half a pair \ufffd and lines\n1\n2"],
    );
    assert.equal((await stream.next())?.data, '{"id":7}');
  });

  test("refuses a value that has not begun a transaction, and says what to pass", async (t) => {
    const { sse, url, client, received } = await start(t);
    const database = await orm(t, url);
    const pool = new pg.Pool({ connectionString: url });
    t.after(() => pool.end());
    const runner = database.createQueryRunner();
    t.after(() => runner.release());
    const wrong: [unknown, RegExp][] = [
      [null, /has no function query/],
      [true, /has no function query/],
      [{}, /has no function query/],
      [pool, /is a pool/],
      [client, /has not begun a transaction/],
      [database, /has not begun a transaction/],
      [database.manager, /has not begun a transaction/],
      [database.getRepository(Order), /has not begun a transaction/],
      [runner, /has not begun a transaction/],
      [runner.manager, /has not begun a transaction/],
    ];
    for (const [transaction, message] of wrong) {
      await assert.rejects(sse.publish("orders", "1", { transaction: transaction as pg.Client }), {
        code: "ERR_OPTION",
        message,
      });
    }
    await runner.startTransaction();
    await sse.publish("orders", "runner", { transaction: runner });
    await sse.publish("orders", "repository", { transaction: runner.manager.getRepository(Order) });
    await runner.commitTransaction();
    assert.deepEqual(await received(), ["runner", "repository"]);
  });

  test("refuses a transaction of another database", async (t) => {
    const { sse } = await start(t);
    const other = new pg.Client({ connectionString: server.url });
    await other.connect();
    t.after(() => other.end());
    await other.query("begin");
    const refusal = { code: "ERR_OPTION", message: /transaction is not one of the hub's database/ };
    await assert.rejects(sse.publish("orders", "1", { transaction: other }), refusal);
    const libsql = (await import("libsql")).default;
    const sqlite = new DataSource({ type: "better-sqlite3", driver: libsql, database: ":memory:" });
    await sqlite.initialize();
    t.after(() => sqlite.destroy());
    await sqlite.transaction((manager) =>
      assert.rejects(sse.publish("orders", "1", { transaction: manager }), refusal),
    );
  });

  test("rethrows the errors of the database", async (t) => {
    const { sse, client } = await start(t);
    await client.query("begin");
    await assert.rejects(client.query("select 1 / 0"));
    await assert.rejects(sse.publish("orders", "1", { transaction: client }), { code: "25P02" });
    await client.query("rollback");
  });

  test("needs the transport of the database, and the hub in this process", async (t) => {
    const { sse, client } = await start(t);
    await client.query("begin");
    const another = { transaction: client, hubUrl: "http://127.0.0.1:1/.well-known/mercure" };
    await assert.rejects(sse.publish("orders", "1", another), {
      code: "ERR_OPTION",
      message: /the hub in this process/,
    });
    const { kit } = application(t, {}, { transport: "memory" });
    await assert.rejects(kit.sse.publish("orders", "1", { transaction: client }), {
      code: "ERR_OPTION",
      message:
        /option transaction needs the option outbox of mercure\(\), or a transport of the application's database, such as postgres:/,
    });
    const external = application(t, {}, { hubUrl: "http://127.0.0.1:1/.well-known/mercure" });
    await assert.rejects(external.kit.sse.publish("orders", "1", { transaction: client }), {
      code: "ERR_OPTION",
      message: /or the hub in this process/,
    });
    await client.query("rollback");
  });
});
