// Publishes to the history in a folder and calls process.exit some turns of the event loop later, while the update is
// being written.

import { LmdbTransport } from "../../../src/transport/lmdb/lmdb.js";

const [path = "", turns = "0"] = process.argv.slice(2);
const transport = new LmdbTransport({ path });
await transport.ready;
await transport.publish({ topics: ["a"], data: "kept", private: false });
void transport.publish({ topics: ["a"], data: "written at the exit", private: false });

function exitAfter(turns: number): void {
  if (turns === 0) process.exit(0);
  setImmediate(exitAfter, turns - 1);
}

exitAfter(Number(turns));
