// Publishes in transactions of a SQLite file without a break, and relays to a shared folder of LMDB. The test kills it at
// any instant. Arguments: the database, the folder, a prefix of the data, and the number of transactions. Prints each
// update that is committed.

import { setImmediate } from "node:timers/promises";
import libsql from "libsql";
import { Outbox } from "../../../src/publisher/outbox/outbox.js";
import { readOutboxOptions } from "../../../src/publisher/outbox/outbox-options.js";
import { LmdbTransport } from "../../../src/transport/lmdb/lmdb.js";

const [file, folder, prefix, count] = process.argv.slice(2) as [string, string, string, string];
const database = new libsql(file, { timeout: 60_000 });
const transport = new LmdbTransport({ path: folder });
await transport.ready;
const hub = {
  isInProcess: true,
  check() {},
  publish: async (draft: Parameters<LmdbTransport["publish"]>[0]) => (await transport.publish(draft)).id,
} as unknown as ConstructorParameters<typeof Outbox>[1];
const outbox = new Outbox(readOutboxOptions({ database })!, hub, console);
for (let index = 0; index < Number(count); index++) {
  database.exec("begin immediate");
  const data = `${prefix} ${index}`;
  await outbox.add(database, { topics: ["orders"], data, private: false });
  database.exec("commit");
  process.stdout.write(`${data}\n`);
  // The relay uses the connection between two transactions.
  await setImmediate();
}
// Kept alive until the test ends it.
setInterval(() => {}, 1000);
