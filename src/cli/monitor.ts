import type { Hub } from "../hub/index.js";
import type { Metrics } from "./metrics.js";
import { describeMonitor } from "./monitor-description.js";

/**
 * Answers those who look after a hub, at a port of its own: what they may know is not for clients.
 *
 * `/healthz/live`: the process answers. `/healthz/ready`: the hub takes requests; 503 before it does and while it ends.
 * `/openapi.json`: what there is, in OpenAPI.
 */
export function monitor(isReady: () => boolean, metrics: Metrics | undefined): Hub["handle"] {
  const description = describeMonitor(metrics !== undefined);
  return async (req, res) => {
    const answer = (status: number, body: string, contentType = "text/plain; charset=utf-8") => {
      res.writeHead(status, { "Content-Type": contentType, "Cache-Control": "no-store" });
      res.end(req.method === "HEAD" ? "" : body);
    };
    const path = req.url?.split("?", 1)[0];
    if (req.method !== "GET" && req.method !== "HEAD") answer(405, "Only GET and HEAD mean something here.\n");
    else if (path === "/healthz/live") answer(200, "live\n");
    else if (path === "/healthz/ready" && isReady()) answer(200, "ready\n");
    else if (path === "/healthz/ready") answer(503, "not ready\n");
    else if (path === "/metrics" && metrics !== undefined) answer(200, await metrics.text(), metrics.contentType);
    else if (path === "/openapi.json") answer(200, JSON.stringify(description), "application/json");
    else answer(404, `There are ${Object.keys(description.paths).join(", ")}.\n`);
  };
}
