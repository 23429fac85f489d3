// One node of an application: node --import tsx test/browser/node-program.ts TRANSPORT-URL. Prints its origin once it is
// ready. Its pages belong to the person in the cookie `user`, and have the variant in `?locale=`. A POST to /price publishes
// a price for each variant, one to /sign-out ends the streams of the person.

import { mkdtempSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import express, { type Request } from "express";
import { mercure } from "../../src/index.js";

const app = express();
const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-node-"));
const userOf = (request?: Request) => /\buser=(\w+)/.exec(request?.headers.cookie ?? "")?.[1];
const { sse, html, environment, hub } = mercure(app, {
  templates: folder,
  components: folder,
  secret: "0123456789abcdef0123456789abcdef",
  transport: process.argv[2]!,
  presenceGrace: 0,
  subjectGetter: userOf,
  payloadGetter: (_topics, request) => ({ id: userOf(request) }),
  authorize: (request) => userOf(request) !== undefined,
});
app.get("/favicon.ico", (_req, res) => void res.status(204).end());
app.get("/sign-in", (req, res) => {
  res.cookie("user", req.query.user).send("signed in");
});
app.post("/sign-out", async (req, res) => {
  res.clearCookie("user");
  await sse.disconnect({ subject: userOf(req)! });
  res.send("signed out");
});
app.get("/people", (_req, res) => {
  const names = sse.presence("room").map(({ key }) => key);
  res.send(html`<b>${names.sort().join(" ")}</b>`);
});
app.post("/price", async (req, res) => {
  const amount = Number(req.query.amount);
  await sse.publish("board", (locale) => html`<p>${new Intl.NumberFormat(locale as string).format(amount)}</p>`);
  res.end();
});
app.get("/", (req, res) => {
  const body =
    '<!doctype html><title>x</title>{{ mercure_scripts() }}<% MercureStream topic="room" private id="room" %>' +
    '<% MercurePresence topic="room" hx_get="/people" hx_trigger="load" id="people" %><% endMercurePresence %>' +
    '<% MercureStream topic="board" variant=locale id="board" %>';
  res.send(environment.renderString(body, { locale: req.query.locale }));
});
await hub.ready;
const server = app.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
