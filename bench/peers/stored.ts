import { startNode } from "../harness/child.js";
import type { Peer } from "../harness/peer.js";
import { authorization0, secret } from "../harness/token.js";
import { mercurePaths } from "./mercure-paths.js";

const usualHistory = 500;

const stored = (transport: "memory" | "lmdb", what: string): Peer => ({
  name: `hub-${transport}`,
  what,
  can: { history: true },
  async start({ history = usualHistory }) {
    const script = new URL("../servers/stored.ts", import.meta.url);
    const child = await startNode(script, [transport, String(history)], /listening on port (\d+)\./, {
      SECRET_KEY: secret,
    });
    return {
      port: Number(child.announced),
      pids: [child.pid],
      stop: () => child.stop("SIGTERM"),
      ...mercurePaths("topic", authorization0),
    };
  },
});

export const hubMemory = stored("memory", "the library's hub with its history in memory");
export const hubLmdb = stored("lmdb", "the library's hub with its history in LMDB");
