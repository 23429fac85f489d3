import type { Peer } from "../harness/peer.js";
import { startServer } from "./node-server.js";

export const floor: Peer = {
  name: "floor",
  what: "raw sockets, a write for each update and subscriber",
  start: () => startServer("floor"),
};

export const floorOfTurns: Peer = {
  name: "floor-turn",
  what: "raw sockets, one buffer and one write for each turn of the event loop and subscriber",
  start: () => startServer("floor", ["--turn"]),
};
