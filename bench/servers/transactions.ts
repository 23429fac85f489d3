// Transactions of PostgreSQL that insert a row, by 16 clients in closed loops. The arguments: the URL, the other
// statement of each transaction, with `$1` for 200 bytes, and the number of seconds. Prints the result as JSON.

import pg from "pg";
import { PostgresTransport } from "../../dist/transport/postgres/postgres.js";

const [url, statement, seconds] = [process.argv[2]!, process.argv[3]!, Number(process.argv[4])];
const data = "x".repeat(200);

// A hub creates the schema.
const transport = new PostgresTransport({ url });
await transport.ready;
await transport.close();
const clients = await Promise.all(
  Array.from({ length: 16 }, async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client;
  }),
);
await clients[0]!.query("create table if not exists rows (id bigserial primary key, data text)");
const end = performance.now() + seconds * 1000;
let count = 0;
await Promise.all(
  clients.map(async (client) => {
    for (; performance.now() < end; count++) {
      await client.query("begin");
      await client.query("insert into rows (data) values ($1)", [data]);
      await client.query(statement, [data]);
      await client.query("commit");
    }
  }),
);
await Promise.all(clients.map((client) => client.end()));
console.log(`measured ${JSON.stringify({ updates: count / seconds })}.`);
