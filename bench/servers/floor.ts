// The lowest cost that Node allows: raw sockets, no HTTP except two literal heads, bytes made once for all streams, and
// no checks. With `--turn` the updates of one turn of the event loop go out as one buffer and one write for each
// socket; without it each update is a write.

import { createServer, type Socket } from "node:net";
import { announce, topicOf } from "./common.js";

const turn = process.argv.includes("--turn");
const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n:\n\n";
const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const topics = new Map<string, Topic>();
const waiting = new Set<Topic>();
let id = 0;

interface Topic {
  readonly sockets: Set<Socket>;
  pending: string;
}

function topic(name: string): Topic {
  let found = topics.get(name);
  if (found === undefined) {
    found = { sockets: new Set(), pending: "" };
    topics.set(name, found);
  }
  return found;
}

function write({ sockets }: Topic, events: string): void {
  const bytes = Buffer.from(events, "latin1");
  for (const socket of sockets) socket.write(bytes);
}

function flush(): void {
  for (const topic of waiting) {
    write(topic, topic.pending);
    topic.pending = "";
  }
  waiting.clear();
}

function publish(name: string, data: string): void {
  const event = `id: ${++id}\ndata: ${data}\n\n`;
  const to = topic(name);
  if (!turn) {
    write(to, event);
    return;
  }
  if (waiting.size === 0) setImmediate(flush);
  waiting.add(to);
  to.pending += event;
}

announce(
  createServer({ noDelay: true }, (socket) => {
    let received = "";
    socket.setEncoding("latin1");
    socket.on("error", () => {});
    socket.on("data", (chunk: string) => {
      received += chunk;
      for (;;) {
        const blank = received.indexOf("\r\n\r\n");
        if (blank === -1) return;
        const [method, url] = received.slice(0, received.indexOf("\r\n")).split(" ");
        const name = topicOf(url!);
        if (method === "GET") {
          received = "";
          const { sockets } = topic(name);
          sockets.add(socket);
          socket.once("close", () => sockets.delete(socket));
          socket.write(head, "latin1");
          return;
        }
        const length = Number(/content-length: (\d+)/i.exec(received)![1]);
        if (received.length < blank + 4 + length) return;
        publish(name, received.slice(blank + 4, blank + 4 + length));
        received = received.slice(blank + 4 + length);
        socket.write(answer, "latin1");
      }
    });
  }),
);
