import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import express from "express";
import { mercure } from "htmx-mercure";
import { chat } from "./chat.js";
import { dashboard } from "./dashboard.js";
import { openDatabase } from "./database.js";
import { Meter } from "./meter.js";
import { excerpt } from "./source.js";
import { todos } from "./todos.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const database = await openDatabase(process.env.DATABASE ?? here("data/example.db"));
const app = express();
app.disable("x-powered-by");

app.use((_req, res, next) => {
  res.set({
    // Scripts and styles are files of this server, so nothing that a visitor writes can run in another's page.
    "Content-Security-Policy": "default-src 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
  });
  next();
});

// Before the kit, which answers the requests for streams itself.
const meter = new Meter();
app.use(meter.countRequest);

const kit = mercure(app, {
  templates: here("templates"),
  components: here("components"),
  secret: process.env.SECRET_KEY,
});

kit.environment.addGlobal("excerpt", excerpt);
app.use(express.static(here("public")));
app.use(express.urlencoded());

const board = dashboard(app, kit, meter);
chat(app, kit, database, board.record);
todos(app, kit, database, board.record);

app.use((_req, res) => {
  res.status(404).render("missing.njk");
});

const server = app.listen(Number(process.env.PORT || 3000), (error) => {
  if (error) throw error;
  const { port } = server.address() as AddressInfo;
  console.log(`listening on http://localhost:${port}`);
});

// Streams do not end by themselves: without kit.close() the server would wait for them for ever.
async function stop() {
  const closed = new Promise((resolve) => server.close(resolve));
  // Time for requests in progress. Browsers also hold connections open that they have not used yet.
  setTimeout(() => server.closeAllConnections(), 1000).unref();
  await board.stop();
  await kit.close();
  await closed;
  await database.destroy();
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
