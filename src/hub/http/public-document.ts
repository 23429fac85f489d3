import type { IncomingMessage, ServerResponse } from "node:http";
import { methodNotAllowed } from "../../protocol/problem.js";

/** Answers with a public document about the hub. Such documents change only with the hub's options. */
export function answerPublicDocument(req: IncomingMessage, res: ServerResponse, document: object): void {
  if (req.method !== "GET" && req.method !== "HEAD") throw methodNotAllowed("GET, HEAD");
  const body = JSON.stringify(document);
  res.writeHead(200, {
    "Content-Type": "application/json",
    "Cache-Control": "public, max-age=3600",
    "Content-Length": Buffer.byteLength(body),
  });
  res.end(req.method === "HEAD" ? "" : body);
}
