import type { Peer } from "../harness/peer.js";
import { startServer } from "./node-server.js";

export const betterSse: Peer = {
  name: "better-sse",
  what: "the package better-sse, a channel for each topic",
  start: () => startServer("better-sse"),
};
