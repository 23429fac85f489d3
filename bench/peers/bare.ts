import type { Peer } from "../harness/peer.js";
import { startServer } from "./node-server.js";

export const bare: Peer = {
  name: "bare",
  what: "Node's http server, res.write for each subscriber",
  can: { tls: true },
  start: ({ tls }) => startServer("bare", tls ? ["--cert", tls.cert, "--key", tls.key] : []),
};
