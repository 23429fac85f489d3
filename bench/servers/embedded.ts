// The library in an Express application, as in its guide. Updates arrive over HTTP, so that all servers are measured alike.

import { createServer } from "node:http";
import express from "express";
import { mercure } from "../../dist/index.js";
import { announce } from "./common.js";

const reconciliationLength = Number(process.argv[2]);
const app = express();
mercure(app, { hub: { allowPublish: true, reconciliationLength } });
announce(createServer(app));
