// An application without a secret: node --import ./scripts/typescript.mjs test/faults/secret-program.ts TRANSPORT-URL PORT.
// Prints its origin once it is ready. The page at / has a private stream.

import express from "express";
import { mercure } from "../../src/index.js";

const [, , transport = "", port] = process.argv;
const app = express();
const { environment, hub } = mercure(app, { transport, templates: [], components: [], authorize: () => true });
app.get("/", (_req, res) => void res.send(environment.renderString('<% MercureStream topic="room" private %>', {})));
await hub.ready;
app.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
