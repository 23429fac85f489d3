// A hub with the transport that the first argument names: "memory", or "lmdb" in a new folder. The second argument is
// the number of updates of each topic that it keeps.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hub } from "../../dist/hub/index.js";
import { LmdbTransport } from "../../dist/transport/lmdb/lmdb.js";
import { MemoryTransport } from "../../dist/transport/memory/memory.js";

const limits = { historyLength: Number(process.argv[3]), maxHistoryBytes: 2 ** 30 };
const key = process.env.SECRET_KEY!;

function open() {
  if (process.argv[2] === "memory") return new MemoryTransport(limits);
  const path = mkdtempSync(join(tmpdir(), "bench-lmdb-"));
  process.once("exit", () => rmSync(path, { recursive: true }));
  process.once("SIGTERM", () => process.exit(0));
  return new LmdbTransport({ path, ...limits });
}

const transport = open();
await transport.ready;
const hub = new Hub({ transport, publisherKey: key, subscriberKey: key, allowPublish: true });
const server = createServer(hub.handle).listen(0, "127.0.0.1", () => {
  console.log(`listening on port ${(server.address() as AddressInfo).port}.`);
});
