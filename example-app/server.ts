import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import express from "express";
import { mercure } from "htmx-mercure";
import { chat } from "./chat.js";
import { conversations } from "./conversations.js";
import { dashboard } from "./dashboard.js";
import { openDatabase } from "./database.js";
import { Directory } from "./directory.js";
import { answerError, answerMissing } from "./errors.js";
import { Meter } from "./meter.js";
import { people } from "./people.js";
import { sameOrigin } from "./same-origin.js";
import { personOf, sessions } from "./session.js";
import { excerpt } from "./source.js";
import { storedSecret } from "./stored-secret.js";
import { todos } from "./todos.js";
import { Unread } from "./unread.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const { PORT: port = "", HTMX: line = "", MERCURE_TRANSPORT_URL, SSE_REDIS_URL } = process.env;
if (!/^\d{0,5}$/.test(port) || Number(port) > 65535) fail(`PORT is "${port}", which is not a number from 0 to 65535.`);
if (!/^[24]?$/.test(line)) fail(`HTMX is "${line}". It must be 2 or 4.`);

const file = process.env.DATABASE ?? here("data/example.db");
const database = await openDatabase(file);
const app = express();
app.disable("x-powered-by");

app.use((_req, res, next) => {
  res.set({
    // Scripts and styles are files of this server, so a visitor's text can never run in another's page.
    "Content-Security-Policy": "default-src 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
  });
  next();
});

// These come before the library, which answers the requests for streams itself.
const meter = new Meter();
app.use(meter.countRequest);
app.use(sameOrigin);
// People stay signed in through a restart, in development too. In production the library requires SECRET_KEY.
sessions(app, database, process.env.SECRET_KEY || storedSecret(`${file}-session-secret`));

const kit = mercure(app, {
  templates: here("templates"),
  components: here("components"),
  secret: process.env.SECRET_KEY,
  ...(line && { htmx: Number(line) as 2 | 4 }),
  // The history is on disk, so the streams of open pages continue after a restart, and several processes share it.
  transport: MERCURE_TRANSPORT_URL ?? SSE_REDIS_URL ?? `lmdb:${join(dirname(file), "history")}`,
  // A to-do and its message are one transaction, so neither comes without the other.
  outbox: { database },
  // The streams of a page name its user: to the hub, which ends them at sign-out, and to the list of people.
  subjectGetter: (req) => personOf(req)?.id,
  payloadGetter: (_topics, req) => {
    const person = personOf(req);
    return person && { id: person.id, name: person.name };
  },
});

kit.environment.addGlobal("excerpt", excerpt);
app.use(express.static(here("public")));
app.use(express.urlencoded());

const unread = new Unread(kit, database);
const directory = new Directory(kit, database, unread);
// The bar of every page shows the number of unread messages.
app.use(async (_req, res, next) => {
  const { person } = res.locals;
  if (person) res.locals.unread = await unread.count(person);
  next();
});

const board = dashboard(app, kit, meter);
const { record } = board;
chat(app, kit, { database, directory, record });
todos(app, kit, database, record);
people(app, { database, directory, unread, record });
conversations(app, kit, { database, unread });

app.use(answerMissing);
app.use(answerError);

const server = app.listen(Number(port || 3000), (error?: NodeJS.ErrnoException) => {
  if (error?.code === "EADDRINUSE") fail(`Port ${port || 3000} is taken. Choose another one: PORT=3001 npm start`);
  if (error) fail(`The server cannot listen: ${error.message}`);
  console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`);
});

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

// Streams do not end by themselves: without kit.close() the server would wait for them forever.
async function stop() {
  const closed = new Promise((resolve) => server.close(resolve));
  // The time for pending requests. Browsers also hold connections open that they have not used yet.
  setTimeout(() => server.closeAllConnections(), 1000).unref();
  await board.stop();
  await directory.stop();
  await kit.close();
  await closed;
  await database.destroy();
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
