import { startNode } from "../harness/child.js";
import type { Peer } from "../harness/peer.js";
import { authorization0, secret } from "../harness/token.js";
import { mercurePaths } from "./mercure-paths.js";

/** The hub's default of `--reconciliation-length`. */
const usualHistory = 500;

export const kit: Peer = {
  name: "kit",
  what: "the library's hub, `htmx-mercure hub`",
  can: { history: true, tls: true, patterns: ["uri-template", "url-pattern"] },
  async start({ history = usualHistory, tls, heapMegabytes }) {
    const child = await startNode(
      new URL("../../dist/cli/main.js", import.meta.url),
      [
        "hub",
        "--port=0",
        "--no-monitor",
        `--reconciliation-length=${history}`,
        ...(tls ? [`--cert=${tls.cert}`, `--key=${tls.key}`] : []),
      ],
      /Hub: https?:\/\/127\.0\.0\.1:(\d+)\//,
      { SECRET_KEY: secret, ...heapOf(heapMegabytes) },
    );
    return {
      port: Number(child.announced),
      pids: [child.pid],
      stop: child.stop,
      ...mercurePaths("topic", authorization0),
    };
  },
};

export const embedded: Peer = {
  name: "embedded",
  what: "the library in an Express application",
  can: { history: true, patterns: ["uri-template", "url-pattern"] },
  async start({ history = usualHistory, heapMegabytes }) {
    const child = await startNode(
      new URL("../servers/embedded.ts", import.meta.url),
      [String(history)],
      /listening on port (\d+)\./,
      { SECRET_KEY: secret, ...heapOf(heapMegabytes) },
    );
    return {
      port: Number(child.announced),
      pids: [child.pid],
      stop: child.stop,
      ...mercurePaths("topic", authorization0),
    };
  },
};

function heapOf(megabytes: number | undefined): Record<string, string> {
  return megabytes === undefined ? {} : { NODE_OPTIONS: `--max-old-space-size=${megabytes}` };
}
