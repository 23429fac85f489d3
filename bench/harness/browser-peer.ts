import { existsSync } from "node:fs";
import type { Peer } from "./peer.js";

const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** A row that is measured in Chromium. */
export function browserPeer(name: string, what: string): Peer {
  return {
    name,
    what,
    missing: () => (existsSync(chromium) ? undefined : "set CHROMIUM to the path of Chromium"),
    start: () => Promise.reject(new Error("The question starts the application itself.")),
  };
}
