// One node of a hub: node --import ./scripts/typescript.mjs test/faults/hub-program.ts TRANSPORT-URL NODE-TIMEOUT PORT
// [DRAIN-TIMEOUT]. Prints its origin once it is ready. A request to /disconnect?subject=… ends the streams of a subject
// on all nodes. After a request to /freeze the process pauses as soon as it is about to announce the end of another
// node's streams.

import { createServer } from "node:http";
import { Hub } from "../../src/hub/index.js";
import { publisherKey, subscriberKey } from "../hub/fixture.js";
import { transportAt } from "./open-transport.js";

const [, , url = "", timeout, port, drainTimeout = "0"] = process.argv;
const transport = transportAt(url, Number(timeout));
let isFreezing = false;
// The hub's own listener comes later: it learns of the claim only after the pause.
transport.listen({
  update: ({ update: { data } }) => {
    if (!isFreezing || !data.includes('"kind":"claim"')) return;
    isFreezing = false;
    if (data.includes(`"by":"${transport.nodes.self}"`)) process.kill(process.pid, "SIGSTOP");
  },
});
const hub = new Hub({
  transport,
  subscriberKey,
  publisherKey,
  allowPublish: true,
  keepaliveInterval: 0,
  maxConnectionsPerAddress: 0,
});
await hub.ready;
const server = createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url!, "http://localhost");
  if (pathname === "/freeze") isFreezing = true;
  else if (pathname === "/disconnect") await hub.disconnect({ subject: searchParams.get("subject")! });
  else return hub.handle(req, res);
  res.end();
});
// On a busy machine, thousands of readers return at once. The default of 511 resets some of them.
server.listen(Number(port), "127.0.0.1", 4096, () => console.log(`http://127.0.0.1:${port}`));
process.once("SIGTERM", async () => {
  await hub.close({ drainTimeout: Number(drainTimeout), retrySpread: 0 });
  await transport.close();
  // The ends of the last streams can still be on their way.
  server.keepAliveTimeout = 1;
  server.close(() => process.exit());
});
