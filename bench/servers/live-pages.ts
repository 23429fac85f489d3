// An application with live pages for a browser: two feeds, a region that comes and goes, and a form. Each publication has
// the next number of its feed, so that a page can count what it misses.
//
// Arguments: the version of htmx, the folder of the store (empty for a history in memory), the port, the last number
// before this start, and the count of publications that the server makes before it listens.

import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import express from "express";
import { mercure } from "../../dist/index.js";

const [htmx = "2", folder = "", port = "0", last = "0", missed = "0"] = process.argv.slice(2);
const feeds = ["a", "b"];

/** Counts the additions of each feed in the page. A number out of sequence is a fault. */
const script = `
  window.seen = {}; window.faults = [];
  const count = (node) => {
    const [feed, number] = (node.dataset?.item ?? "").split(" ");
    if (!number) return;
    const last = seen[feed] ?? Number(number) - 1;
    if (Number(number) !== last + 1) faults.push(feed + ": " + number + " after " + last);
    seen[feed] = Number(number);
  };
  new MutationObserver((records) => {
    for (const { addedNodes } of records) for (const node of addedNodes) count(node);
  }).observe(document, { childList: true, subtree: true });
`;

const app = express();
const kit = mercure(app, {
  ...(folder !== "" && { transport: `lmdb:${folder}` }),
  htmx: htmx === "4" ? 4 : 2,
  development: false,
  hub: { keepaliveInterval: 5 },
});
const numbers = new Map(feeds.map((feed) => [feed, Number(last)]));
const region = '<% MercureStream topic="extra" id="extra" hx_swap="innerHTML" %>';
const streams = feeds.map((feed) => `<% MercureStream topic="${feed}" id="${feed}" limit=50 %>`).join("");
const page = `<!doctype html><title>pages</title><script src="/count.js"></script>{{ mercure_scripts() }}${streams}<div id="box">${region}</div>`;

async function publish(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    for (const feed of feeds) {
      const number = numbers.get(feed)! + 1;
      numbers.set(feed, number);
      await kit.sse.publish(feed, `<p data-item="${feed} ${number}">${"x".repeat(100)}</p>`);
    }
  }
}

const sockets = new Set<Socket>();
const render = (template: string) => (_req: express.Request, res: express.Response) => {
  res.send(kit.withResponse(res, () => kit.environment.renderString(template, {})));
};
app.get("/count.js", (_req, res) => void res.type("js").send(script));
app.get("/", render(page));
app.get("/region", render(region));
app.post("/publish", async (req, res) => {
  await publish(Number(req.query.count));
  await kit.sse.publish("extra", `<b>${numbers.get("a")}</b>`);
  res.json(Object.fromEntries(numbers));
});
app.post("/cut", (req, res) => {
  for (const socket of sockets) if (socket !== req.socket) socket.destroy();
  res.sendStatus(204);
});
app.get("/counts", (_req, res) => {
  globalThis.gc?.();
  const { heapUsed } = process.memoryUsage();
  res.json({ streams: kit.hub.connections, sockets: sockets.size, heap: heapUsed });
});

const server: Server = createServer(app);
server.on("connection", (socket) => {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
});
await publish(Number(missed));
server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === "object" ? address?.port : ""}.`);
});
