import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** Forwards a request to another URL as a reverse proxy does; a stream closes with either side. */
export function forward(url: string, req: IncomingMessage, res: ServerResponse, headers = req.headers): void {
  const forwarded = request(url, { method: req.method, headers }, (answer) => {
    res.writeHead(answer.statusCode!, answer.headers).flushHeaders();
    answer.pipe(res);
    answer.once("error", () => res.destroy());
  });
  forwarded.once("error", () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
  res.once("close", () => forwarded.destroy());
  req.pipe(forwarded);
}

/** A reverse proxy that chooses a server by the path; like nginx by default it names each server as the host. */
export async function reverseProxy(t: TestContext, originFor: (path: string) => string): Promise<string> {
  const server = createServer((req, res) => {
    const origin = originFor(req.url!);
    forward(origin + req.url, req, res, { ...req.headers, host: new URL(origin).host });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
