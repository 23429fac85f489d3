import { after } from "node:test";
import mysql from "mysql2/promise";
import { type DatabaseKind, outboxContract } from "../../contract/outbox.js";
import { MariadbServer, withoutMariadb } from "../../support/mariadb-server.js";
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
