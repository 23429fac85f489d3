// An application without a kit: Node's http, a set of responses for each topic, and res.write for each. `--cert` and
// `--key` make it HTTPS.

import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { parseArgs } from "node:util";
import { announce, readBody, topicOf } from "./common.js";

const { values } = parseArgs({ options: { cert: { type: "string" }, key: { type: "string" } } });
const topics = new Map<string, Set<ServerResponse>>();
let id = 0;

const answer: RequestListener = (req, res) => {
  const topic = topicOf(req.url!);
  if (req.method === "POST") {
    readBody(req, (data) => {
      const event = Buffer.from(`id: ${++id}\ndata: ${data}\n\n`);
      for (const response of topics.get(topic) ?? []) response.write(event);
      res.end("ok");
    });
    return;
  }
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  res.write(":\n\n");
  const responses = topics.get(topic) ?? new Set();
  topics.set(topic, responses.add(res));
  res.socket!.setNoDelay(true);
  res.once("close", () => responses.delete(res));
};

announce(
  values.cert && values.key
    ? createSecureServer({ cert: readFileSync(values.cert), key: readFileSync(values.key) }, answer)
    : createServer(answer),
);
