/** Starts an application in as many workers of node:cluster as the command line says, or without any for 0. */

import cluster from "node:cluster";
import express from "express";
import { mercure } from "../../src/index.js";

const workers = Number(process.argv[2]);

if (workers > 0 && cluster.isPrimary) {
  for (let index = 0; index < workers; index++) cluster.fork();
} else {
  await mercure(express(), { secret: "0123456789abcdef0123456789abcdef", components: [], templates: [] }).close();
  console.log("started");
  cluster.worker?.disconnect();
}
