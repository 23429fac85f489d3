import { isIP } from "node:net";
import { targetPath } from "../hub/http/request.js";
import type { Hub } from "../hub/index.js";
import { isLoopback } from "../shared/loopback.js";
import type { ServedMetrics } from "./metrics.js";
import { describeMonitor } from "./monitor-description.js";

/** The state of the hub, or of its transport once the hub takes requests. */
export interface MonitoredState {
  readonly state: Hub["state"];
  /** The reason why publishing waits or fails at the moment. */
  readonly heldBackBy?: string | undefined;
}

/**
 * Returns the handler of the monitor, which serves health and metrics to operators. It has a port of its own, because
 * clients must not see these.
 *
 * `/healthz/live`: the process answers. `/healthz/ready`: the hub takes requests. It answers 503 before the start and
 * during the end. A hub whose store is unreachable stays ready, because its streams stay open; the body tells the state
 * and the reason. `/metrics`: the collected metrics. `/openapi.json`: the description of these paths, in OpenAPI.
 */
export function monitor(
  state: () => MonitoredState,
  metrics: ServedMetrics | undefined,
  hosts: readonly string[] = [],
): Hub["handle"] {
  const description = describeMonitor(metrics !== undefined);
  return async (req, res) => {
    const answer = (status: number, body: string, contentType = "text/plain; charset=utf-8") => {
      res.writeHead(status, { "Content-Type": contentType, "Cache-Control": "no-store" });
      res.end(req.method === "HEAD" ? "" : body);
    };
    const path = targetPath(req.url);
    if (!isOwnHost(req.headers.host ?? req.headers[":authority"], hosts)) {
      answer(421, "This host name is not allowed. Use an address, or allow the name with --monitor-allowed-host.\n");
    } else if (req.method !== "GET" && req.method !== "HEAD") answer(405, "Method not allowed. Use GET or HEAD.\n");
    else if (path === "/healthz/live") answer(200, "live\n");
    else if (path === "/healthz/ready") answer(...readiness(state()));
    else if (path === "/metrics" && metrics !== undefined) {
      try {
        answer(200, await metrics.text(), metrics.contentType);
      } catch (error) {
        console.error("htmx-mercure: the metrics cannot be read.", error);
        answer(500, "The metrics cannot be read. The log has the reason.\n");
      }
    } else if (path === "/openapi.json") answer(200, JSON.stringify(description), "application/json");
    else answer(404, `Not found. Available paths: ${Object.keys(description.paths).join(", ")}.\n`);
  };
}

function readiness({ state, heldBackBy }: MonitoredState): [status: number, body: string] {
  const reason = heldBackBy === undefined ? "" : `held back by: ${heldBackBy}\n`;
  if (state === "ready") return [200, `ready\n${reason}`];
  if (state !== "away") return [503, `${state === "draining" ? state : "not ready"}\n${reason}`];
  return [200, `away: the store is unreachable; streams stay open, and publishing fails\n${reason}`];
}

/**
 * Returns whether a request names the monitor by an address, a name of this machine, or a listed name. Any other name
 * can belong to a stranger's page that resolves it to this machine to read the monitor (DNS rebinding).
 */
function isOwnHost(host: unknown, hosts: readonly string[]): boolean {
  // HTTP/1.0 clients can omit the header; browsers always send it.
  if (host === undefined || host === "") return true;
  const name = String(host).replace(/:\d*$/, "").toLowerCase();
  if (isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0 || isLoopback(name)) return true;
  return hosts.some((each) => each.toLowerCase() === name);
}
