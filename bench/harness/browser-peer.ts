import { existsSync } from "node:fs";
import type { Peer } from "./peer.js";
import { peerWithoutServer } from "./peer-without-server.js";

const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A row that is measured in Chromium. */
export function browserPeer(name: string, what: string): Peer {
  return peerWithoutServer(name, what, !existsSync(chromium) && "set CHROMIUM to the path of Chromium");
}
