import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import mysql from "mysql2/promise";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { type DatabaseKind, outboxContract } from "../../contract/outbox.js";
import { application } from "../../support/application.js";
import { MariadbServer, withoutMariadb } from "../../support/mariadb-server.js";
import { until } from "../../support/until.js";
import { begun, typeorm } from "./databases.js";

let server: Promise<MariadbServer> | undefined;

function mariadb(): Promise<MariadbServer> {
  server ??= MariadbServer.start();
  return server;
}

after(async () => (await server)?.stop());

const kinds: readonly DatabaseKind[] = [
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

for (const kind of kinds) outboxContract(kind);

describe("the outbox over MariaDB", { skip: withoutMariadb }, () => {
  test("loses and repeats nothing that was committed when the server is killed again and again", async (t) => {
    const own = await MariadbServer.start();
    t.after(() => own.stop());
    const uri = own.uri(await own.createDatabase());
    const pool = mysql.createPool(uri);
    t.after(() => pool.end());
    const transport = new MemoryTransport();
    t.after(() => transport.close());
    const heard: string[] = [];
    transport.listen({ update: ({ update }) => void heard.push(update.data) });
    const { kit } = application(t, {}, { transport, outbox: { database: pool, pollInterval: 0.05 } });
    await until(() => kit.outboxState() === "ready");

    const committed: string[] = [];
    let isEnded = false;
    /** Publishes in one transaction after the other. A commit without an answer can have happened. */
    const publishing = (async () => {
      for (let id = 0; !isEnded; id++) {
        const connection = await mysql.createConnection(uri).catch(() => undefined);
        connection?.on("error", () => {});
        try {
          for (; connection !== undefined && !isEnded; id++) {
            await connection.beginTransaction();
            await kit.sse.publish("orders", String(id), { transaction: connection });
            await connection.commit();
            committed.push(String(id));
          }
        } catch {
          // The server has been killed.
        } finally {
          connection?.destroy();
        }
      }
    })();
    for (let round = 0; round < 3; round++) {
      const before = heard.length;
      await until(() => heard.length > before + 20);
      await own.kill();
      await until(() => kit.outboxState() === "away");
      await own.run();
      await until(() => kit.outboxState() === "ready");
    }
    isEnded = true;
    await publishing;
    await until(() => heard.includes(committed.at(-1)!));

    const numbers = heard.map(Number);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
    );
    assert.deepEqual(
      committed.filter((data) => !heard.includes(data)),
      [],
    );
  });
});
