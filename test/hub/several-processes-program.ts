/**
 * Starts hubs in as many workers of node:cluster as the command line says, or in this process for 0. The second argument
 * names what starts in each: an application, a hub with a transport of its own or a shared one, or the command.
 */

import cluster from "node:cluster";
import express from "express";
import { Hub } from "../../src/hub/index.js";
import { mercure } from "../../src/index.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import type { Transport } from "../../src/transport/transport.js";

const [workers, kind] = [Number(process.argv[2]), process.argv[3]];

const starts: Readonly<Record<string, () => Promise<void>>> = {
  application: () =>
    mercure(express(), { secret: "0123456789abcdef0123456789abcdef", components: [], templates: [] }).close(),
  hubs: async () => {
    for (let index = 0; index < 2; index++) await new Hub({ transport: new MemoryTransport() }).close();
  },
  "hub with a shared transport": () => new Hub({ transport: sharedTransport() }).close(),
  command: async () => {
    process.argv.splice(2, Number.POSITIVE_INFINITY, "hub", "--port", "0", "--no-monitor");
    process.env.SECRET_KEY = "0123456789abcdef0123456789abcdef";
    await import("../../src/cli/main.js");
    // The command prints its URL once the hub has started, and ends at this signal.
    const { log } = console;
    await new Promise<void>((resolve) => {
      console.log = (...args) => {
        log(...args);
        if (String(args[0]).startsWith("Hub: ")) resolve();
      };
    });
    process.kill(process.pid, "SIGTERM");
  },
};

if (workers > 0 && cluster.isPrimary) {
  for (let index = 0; index < workers; index++) cluster.fork();
} else {
  await starts[kind!]!();
  console.log("started");
  cluster.worker?.disconnect();
}

/** Behaves as a transport over a store that other processes share, although its history is in memory. */
function sharedTransport(): Transport {
  const memory = new MemoryTransport();
  const bound = (from: object, name: string | symbol) => {
    const value = Reflect.get(from, name, from) as unknown;
    return typeof value === "function" ? value.bind(from) : value;
  };
  const sharedNodes = new Proxy(memory.nodes as Transport["nodes"], {
    get: (_target, name) => (name === "areShared" ? true : bound(memory.nodes, name)),
  });
  return new Proxy({} as Transport, {
    get: (_target, name) => (name === "nodes" ? sharedNodes : bound(memory, name)),
  });
}
