import type { IncomingMessage } from "node:http";
import type { AddressInfo, Server } from "node:net";

/** Listens on a port that the system chooses, and prints it. */
export function announce(server: Server): void {
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
    console.log(`listening on port ${(server.address() as AddressInfo).port}.`);
  });
}

/** The name of a topic in these servers, as `/?TOPIC`. */
export function topicOf(url: string): string {
  return url.slice(url.indexOf("?") + 1);
}

export function readBody(req: IncomingMessage, onEnd: (body: string) => void): void {
  let body = "";
  req.setEncoding("utf8");
  req.on("data", (chunk: string) => {
    body += chunk;
  });
  req.on("end", () => onEnd(body));
}
