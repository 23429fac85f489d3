import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { MercureOptions, OutboxOptions, Transaction } from "../../src/index.js";
import { relayDatabase } from "../../src/publisher/outbox/database.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { run } from "../cli/fixture.js";
import { pages } from "../docs/markdown.js";
import { application } from "../support/application.js";
import { openStream } from "../support/event-stream.js";
import { until } from "../support/until.js";

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

export interface DatabaseKind {
  readonly name: string;
  readonly skip: string | false;
  open(t: TestContext): Promise<Database>;
}

type Rows = Record<string, unknown>[];

/** An application with an outbox, and what a stream of its topic receives. */
async function start(t: TestContext, database: Database, options: MercureOptions = {}) {
  const outbox = { ...(await database.options()), ...options.outbox };
  const app = application(t, {}, { transport: "memory", ...options, outbox });
  // The first publish waits for the tables, and a slow machine takes longer than it waits.
  if (outbox.createTable !== false) await until(() => app.kit.outboxState() === "ready");
  const stream = await openStream(t, `${await app.listen()}/.well-known/mercure?topic=orders`);
  /** Resolves to the data of all updates up to one that another transaction publishes now. */
  const received = async () => {
    await database.transact((transaction) => app.kit.sse.publish("orders", "end", { transaction }));
    const all: string[] = [];
    for (let event = await stream.next(); event?.data !== "end"; event = await stream.next()) all.push(event!.data);
    return all;
  };
  return { ...app, sse: app.kit.sse, stream, received };
}

/** A transport that several applications of a test use, and the data that it delivers. */
function sharedTransport(t: TestContext) {
  const transport = new MemoryTransport();
  t.after(() => transport.close());
  const heard: string[] = [];
  transport.listen({
    update: ({ update }) => {
      if (update.topics[0] === "orders") heard.push(update.data);
    },
  });
  return { transport, heard };
}

async function waiting(database: Database): Promise<Rows> {
  return (await database.query("select position, record, error from mercure_outbox order by position")) as Rows;
}

const isEmpty = (database: Database) => until(async () => (await waiting(database)).length === 0);

/** Tests the outbox in a kind of database. */
export function outboxContract({ name, skip, open }: DatabaseKind): void {
  describe(`the outbox by ${name}`, { skip }, () => {
    test("delivers committed updates once and in order, and leaves no row", async (t) => {
      const database = await open(t);
      const { sse, received } = await start(t, database);
      for (let id = 0; id < 20; id++) {
        await database.transact(async (transaction, query) => {
          await query(`insert into orders values (${id})`);
          await sse.publish("orders", `${id} a`, { transaction });
          await sse.publish("orders", `${id} b`, { transaction });
        });
      }
      const expected = Array.from({ length: 20 }, (_, id) => [`${id} a`, `${id} b`]).flat();
      assert.deepEqual(await received(), expected);
      await isEmpty(database);
    });

    test("delivers nothing before the commit", async (t) => {
      const database = await open(t);
      const { transport, heard } = sharedTransport(t);
      const { sse } = await start(t, database, { transport });
      await database.transact(async (transaction) => {
        await sse.publish("orders", "in transaction", { transaction });
        // A second relay is ready once it has looked into the table. The first one looks again and again meanwhile.
        const { kit } = await start(t, database, { transport });
        assert.equal(kit.outboxState(), "ready");
        assert.deepEqual(heard, []);
      });
      await until(() => heard.length > 0);
      assert.deepEqual(heard, ["in transaction"]);
    });

    test("delivers nothing of a transaction or a savepoint that was rolled back", async (t) => {
      const database = await open(t);
      const { sse, received } = await start(t, database);
      const undone = database.transact(async (transaction, query) => {
        await query("insert into orders values (1)");
        await sse.publish("orders", "undone", { transaction });
        throw new Error("undo");
      });
      await assert.rejects(undone, /undo/);
      await database.transact(async (transaction, query) => {
        await sse.publish("orders", "kept", { transaction });
        await query("savepoint inner_part");
        await sse.publish("orders", "undone too", { transaction });
        await query("rollback to savepoint inner_part");
        await sse.remove("orders", "order-1", { transaction });
      });
      assert.deepEqual(await received(), ["kept", '<div id="order-1" hx-swap-oob="delete"></div>']);
      await isEmpty(database);
    });

    test("keeps every option and any text of the update, and returns the id before the commit", async (t) => {
      const database = await open(t);
      const { sse, stream, kit } = await start(t, database);
      const privates = kit.sse.updates("secret");
      const data = "NUL \0, half a pair \ud800, 🐢 'quoted' \\ and lines\n1\r\n2";
      await database.transact(async (transaction) => {
        const id = await sse.publish("orders", data, { id: "urn:1", type: "paid", retry: 7, transaction });
        assert.equal(id, "urn:1");
        assert.match(await sse.publish("orders", { id: 7 }, { key: "7", transaction }), /^urn:uuid:/);
        assert.equal(await sse.publish("orders", "now", { keep: false, transaction }), "");
        await sse.publish("secret", "hidden", { private: true, transaction });
      });
      const event = await stream.next();
      const text = "NUL \0, half a pair \ufffd, 🐢 'quoted' \\ and lines\n1\n2";
      assert.deepEqual([event?.id, event?.event, event?.data], ["urn:1", "paid", text]);
      assert.equal((await stream.next())?.data, '{"id":7}');
      assert.equal((await stream.next())?.data, "now");
      const { value } = await privates.next();
      assert.deepEqual([value?.data, value?.private], ["hidden", true]);
    });

    test("is relayed once by several relays at once, in order", async (t) => {
      const database = await open(t);
      const { transport, heard } = sharedTransport(t);
      const first = await start(t, database, { transport });
      for (let count = 0; count < 2; count++) await start(t, database, { transport });
      for (let id = 0; id < 200; id++) {
        await database.transact(async (transaction) => {
          await first.sse.publish("orders", String(id), { transaction });
        });
      }
      await isEmpty(database);
      assert.deepEqual(
        heard,
        Array.from({ length: 200 }, (_, id) => String(id)),
      );
    });

    test("sets an update aside that the hub refuses, reports it, and publishes the others", async (t) => {
      const database = await open(t);
      const { sse, received, errors, kit } = await start(t, database);
      await until(() => kit.outboxState() === "ready");
      await database.query(
        `insert into mercure_outbox (version, record) values (1, 'no JSON'), (1, '{"topics":[],"data":"","private":false}'), (1, '{"topics":["/.well-known/mercure/orders/all"],"data":"{}","private":true}')`,
      );
      await database.transact((transaction) => sse.publish("orders", "good", { transaction }));
      assert.deepEqual(await received(), ["good"]);
      await until(async () => (await waiting(database)).every(({ error }) => error !== null));
      const rows = await waiting(database);
      assert.deepEqual(
        rows.map(({ error }) => /JSON|at least one topic|is reserved/.exec(String(error))?.[0]),
        ["JSON", "at least one topic", "is reserved"],
      );
      assert.equal(errors.length, 3);
      const [message] = errors[1] as [string];
      assert.match(message, /sets the update at position \d+ aside: An update must have .* set error = null where/);
      assert.equal(kit.outboxState(), "ready");
    });

    test("publishes an update again, without a second delivery, after a crash between publish and delete", async (t) => {
      const database = await open(t);
      const { transport, heard } = sharedTransport(t);
      const writer = await start(t, database, { transport, outbox: { relay: false } as never });
      await database.transact(async (transaction) => {
        for (const data of ["a", "b", "a"]) await writer.sse.publish("orders", data, { id: "order-7", transaction });
        await writer.sse.publish("orders", "end", { transaction });
      });
      assert.equal((await waiting(database)).length, 4);
      // The process that has published the first row ends before it deletes the row.
      await transport.publish({ topics: ["orders"], data: "a", private: false, id: "order-7" });
      await start(t, database, { transport });
      await isEmpty(database);
      assert.deepEqual(heard, ["a", "b", "a", "end"]);
    });

    test("leaves records of a newer version to newer processes", async (t) => {
      const database = await open(t);
      const { received, kit } = await start(t, database);
      await until(() => kit.outboxState() === "ready");
      await database.query("insert into mercure_outbox (version, record) values (2, 'of the future')");
      assert.deepEqual(await received(), []);
      await until(async () => (await waiting(database)).length === 1);
      assert.equal((await waiting(database))[0]!.error, null);
    });

    test("begins without tables, and creates them; without createTable it says how to", async (t) => {
      const database = await open(t);
      const options = { outbox: { createTable: false, table: "app_outbox" } as never };
      const { kit, errors } = await start(t, database, options);
      await until(() => errors.length > 0);
      assert.equal(kit.outboxState(), "starting");
      const [message, error] = errors[0] as [string, { code: string }];
      assert.equal(error.code, "ERR_OUTBOX");
      assert.match(message, /npx htmx-mercure schema --outbox (sqlite|mysql) --table app_outbox/);
      const other = await start(t, database, { outbox: { table: "app_outbox" } as never });
      await until(() => other.kit.outboxState() === "ready" && kit.outboxState() === "ready");
    });

    test("is counted by the statement of docs/deploy.md: waiting updates, their age, and updates with an error", async (t) => {
      const database = await open(t);
      const { sse } = await start(t, database, { outbox: { relay: false } as never });
      const [statement] = pages()
        .find(({ path }) => path === "docs/deploy.md")!
        .blocks.filter(({ language }) => language === "sql");
      const count = async () => ((await database.query(statement!.code)) as Rows)[0]!;
      const { oldest, ...counts } = await count();
      assert.deepEqual([Number(counts.waiting), Number(counts.set_aside), oldest], [0, 0, null]);
      for (const data of ["1", "2"]) {
        await database.transact((transaction) => sse.publish("orders", data, { transaction }));
      }
      await database.query("insert into mercure_outbox (version, record, error) values (1, 'no JSON', 'no JSON')");
      await database.query("update mercure_outbox set created_at = '2020-01-01 12:00:00' where position = 2");
      const later = await count();
      assert.deepEqual([Number(later.waiting), Number(later.set_aside)], [2, 1]);
      assert.equal(new Date(later.oldest as string).getFullYear(), 2020);
    });

    test("works in the tables that the command schema prints, even after it has run twice", async (t) => {
      const database = await open(t);
      const { dialect } = relayDatabase((await database.options()).database, undefined);
      const { code, stdout } = await run(t, ["schema", "--outbox", dialect, "--table", "app_outbox"]);
      assert.equal(code, 0);
      const statements = stdout.split(";").filter((statement) => statement.trim() !== "");
      for (const statement of [...statements, ...statements]) await database.query(statement.trim());
      const { sse, received } = await start(t, database, {
        outbox: { createTable: false, table: "app_outbox" } as never,
      });
      await database.transact((transaction) => sse.publish("orders", "1", { transaction }));
      assert.deepEqual(await received(), ["1"]);
    });

    test("refuses a wrong update at the call, and everything after the close", async (t) => {
      const database = await open(t);
      const { kit, sse } = await start(t, database);
      await database.transact(async (transaction) => {
        await assert.rejects(sse.publish("orders", "1", { id: "#1", transaction }), { code: "ERR_UPDATE" });
        const own = sse.publish("/.well-known/mercure/orders/all", "1", { transaction });
        await assert.rejects(own, { code: "ERR_UPDATE" });
        const elsewhere = { hubUrl: "http://127.0.0.1:1/.well-known/mercure", transaction };
        await assert.rejects(sse.publish("orders", "1", elsewhere), { code: "ERR_OPTION", message: /hubUrl or jwt/ });
      });
      await kit.close();
      assert.equal(kit.outboxState(), "closed");
      await database.transact((transaction) =>
        assert.rejects(sse.publish("orders", "1", { transaction }), { code: "ERR_CLOSED" }),
      );
    });
  });
}
