// Renders a component and publishes it, again and again, and measures its own CPU time. The first argument selects the
// renderer and the receiver: "kit" renders a component of the library and publishes it to the hub in this process; "bare"
// renders the same file with Nunjucks alone, and writes it to each response. The second argument is the number of
// publications, and the third the number of streams of `/stream` to wait for. It prints the CPU time of one publication
// in microseconds, measured over the second half.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import express from "express";
import nunjucks from "nunjucks";
import { mercure } from "../../dist/index.js";

const [kind, count, streams] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

/** Ten elements with the usual parts of a template: properties, a condition, a loop, a filter. */
const template = `<li id="message-{{ id }}" class="message{% if own %} own{% endif %}">
  <img src="/avatars/{{ author }}.png" alt="">
  <div>
    <header><strong>{{ author }}</strong> <time datetime="{{ at }}">{{ at }}</time></header>
    <p>{{ text }}</p>
    <footer>{% for action in actions %}<a href="/messages/{{ id }}/{{ action }}">{{ action | upper }}</a>{% endfor %}</footer>
  </div>
</li>
`;

/** An update as the load generator publishes it, see load.c. */
function properties(id: number): object {
  const record = `~${"0".repeat(8)}${id.toString(16).padStart(8, "0")}${"0".repeat(16)}!`;
  return { id, own: id % 2 === 0, author: "Ada <Lovelace>", at: "12:00", text: record, actions: ["reply", "delete"] };
}

const folder = mkdtempSync(join(tmpdir(), "bench-render-"));
process.once("exit", () => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "ChatMessage.njk"), template.replaceAll("{%", "<%").replaceAll("%}", "%>"));

function kitOf(app: ReturnType<typeof express>) {
  const { sse, render, hub } = mercure(app, { components: folder });
  app.get("/stream", sse.stream("messages"));
  return {
    open: () => hub.subscriptions("messages").length,
    publish: (id: number) => sse.publish("messages", render("ChatMessage", properties(id))),
  };
}

function bareOf(app: ReturnType<typeof express>) {
  const environment = new nunjucks.Environment(null, { autoescape: true });
  const compiled = nunjucks.compile(template, environment);
  const responses = new Set<ServerResponse>();
  app.get("/stream", (_req, res) => {
    res.writeHead(200, { "Content-Type": "text/event-stream" });
    res.write(":\n\n");
    responses.add(res);
  });
  return {
    open: () => responses.size,
    publish(id: number) {
      const lines = compiled.render(properties(id)).split("\n");
      for (const response of responses) response.write(`data: ${lines.join("\ndata: ")}\n\n`);
      return id % 16 === 0 ? setImmediate() : undefined;
    },
  };
}

const app = express();
const { open, publish } = kind === "kit" ? kitOf(app) : bareOf(app);

async function publishAll(): Promise<void> {
  let before = process.cpuUsage();
  for (let id = 0; id < count; id++) {
    if (id === count / 2) before = process.cpuUsage();
    await publish(id);
  }
  const { user, system } = process.cpuUsage(before);
  console.log(`one takes ${(user + system) / (count / 2)} microseconds.`);
}

const server = createServer(app).listen(0, "127.0.0.1", async () => {
  console.log(`listening on port ${(server.address() as AddressInfo).port}.`);
  while (open() < streams) await setImmediate();
  await publishAll();
});
