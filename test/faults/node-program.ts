// One node of a run with faults: publishes without a break, and prints what it sends, hears and is told. See record.ts.
//
//   node --import tsx test/faults/node-program.ts '{"name":"a","transport":{…},…}'

import { writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { NodeProgramOptions } from "./node.js";
import { openTransport } from "./open-transport.js";

const options = JSON.parse(process.argv[2]!) as NodeProgramOptions;
const { name, publishers, bytes = 100, topics = 8 } = options;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Waits until the line is out, before a kill can come. `process.stdout` would queue it while the pipe is full. */
function print(...fields: readonly (string | number)[]): void {
  for (let rest = Buffer.from(`${fields.join(" ")}\n`); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

// Linux ends a process that makes a file larger than its limit, which stands for a full disk here.
process.on("SIGXFSZ", () => {});

const transport = openTransport(options.transport);
await transport.ready;
let last = transport.head;
print("from", last);
transport.listen({
  update: ({ position, update }) => {
    last = position;
    print("heard", position, update.data.trimEnd());
  },
  gap: (through) => {
    print("gap", last, through);
    last = through;
  },
});

if (options.entry !== undefined) transport.nodes.tell(options.entry, name);

let state = transport.state;
const watch = setInterval(() => {
  if (transport.state !== state) print("state", transport.state);
  state = transport.state;
}, 10);

let ended = false;
process.once("SIGTERM", () => {
  ended = true;
});

async function publish(publisher: number): Promise<void> {
  for (let count = 0; !ended; count++) {
    const data = `${name}-${publisher}-${count}`;
    print("sent", data);
    try {
      await transport.publish({ topics: [`topic-${count % topics}`], data: data.padEnd(bytes), private: false });
      print("acknowledged", data);
    } catch (error) {
      print("failed", data, (error as { code?: string }).code ?? "?", (error as Error).message);
      await setTimeout(20);
    }
  }
}

const waiting = setInterval(() => {}, 1000);
await Promise.all(Array.from({ length: publishers }, (_, publisher) => publish(publisher)));
while (!ended) await setTimeout(10);
print("to", transport.head);
clearInterval(watch);
clearInterval(waiting);
await transport.close();
