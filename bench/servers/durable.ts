// Makes a measurement in its own process, and prints the result as JSON. The first argument names the measurement, and
// the second is the number of seconds.
//
// "fsync": a loop that appends 200 bytes to a file and waits for the disk. "lmdb": 16 publishers in closed loops, with
// updates of 200 bytes in 8 topics. "look-up": the time to find the position of a publisher's id. For it the second
// argument is the number of updates.

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { LmdbTransport } from "../../dist/transport/lmdb/lmdb.js";
import { data, publishInLoops, topics } from "./publish-loops.js";

const [kind, amount] = [process.argv[2], Number(process.argv[3])];
const folder = mkdtempSync(join(tmpdir(), "bench-durable-"));
const publishers = 16;

function fsyncLoop(seconds: number) {
  const file = openSync(join(folder, "file"), "w");
  const bytes = Buffer.from(data);
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < seconds * 1000; count++) {
    writeSync(file, bytes);
    fdatasyncSync(file);
  }
  closeSync(file);
  return { updates: count / seconds };
}

async function publishLoop(seconds: number) {
  const transport = new LmdbTransport({ path: folder });
  await transport.ready;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const { count, cpu } = await publishInLoops(transport, publishers, seconds);
  await transport.close();
  return { updates: count / seconds, cpu: cpu / count, loop: delay.percentile(99) / 1e6 };
}

async function lookUp(updates: number) {
  const transport = new LmdbTransport({ path: folder, historyLength: updates, maxHistoryBytes: 2 ** 40 });
  await transport.ready;
  const batch = 500;
  for (let first = 0; first < updates; first += batch) {
    const publish = (_: unknown, index: number) =>
      transport.publish({ topics: [`topic-${index % topics}`], data, private: false, id: `urn:${first + index}` });
    await Promise.all(Array.from({ length: batch }, publish));
  }
  const lookUps = 10_000;
  const ids = Array.from({ length: lookUps }, () => `urn:${Math.floor(Math.random() * updates)}`);
  const before = performance.now();
  for (const id of ids) if ((await transport.positionOf(id)) === undefined) throw new Error(`${id} is unknown.`);
  const time = ((performance.now() - before) / lookUps) * 1000;
  await transport.close();
  return { lookUp: time };
}

const result =
  kind === "fsync" ? fsyncLoop(amount) : kind === "lmdb" ? await publishLoop(amount) : await lookUp(amount);
rmSync(folder, { recursive: true });
console.log(`measured ${JSON.stringify(result)}.`);
