import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { faultsOf, type Load, runLoad } from "../../bench/harness/load.js";
import type { Server } from "../../bench/harness/peer.js";

type Deliver = (data: string, number: number, responses: readonly ServerResponse[]) => void;

const write = (response: ServerResponse | undefined, data: string) => response?.write(`data: ${data}\n\n`);
const writeAll = (responses: readonly ServerResponse[], data: string) => {
  for (const response of responses) write(response, data);
};

/** A server that streams at /stream/CHANNEL the updates posted to /publish/CHANNEL, correctly or with a fault. */
async function serverWith(t: TestContext, deliver: Deliver): Promise<Server> {
  const streams = new Map<string, ServerResponse[]>();
  let number = 0;
  const server = createServer((req, res) => {
    const [, place, channel = ""] = req.url!.split("/");
    const responses = streams.get(channel) ?? [];
    streams.set(channel, responses);
    if (place === "stream") {
      responses.push(res);
      res.writeHead(200, { "Content-Type": "text/event-stream" }).flushHeaders();
      return;
    }
    if (place !== "publish") {
      res.writeHead(404).end();
      return;
    }
    let data = "";
    req.setEncoding("utf8").on("data", (chunk) => {
      data += chunk;
    });
    req.on("end", () => {
      deliver(data, number++, responses);
      res.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    port: (server.address() as AddressInfo).port,
    pids: [process.pid],
    streamPath: (topic) => `/stream/${topic}`,
    publishing: (topic) => ({ path: `/publish/${topic}`, body: "" }),
    publishHeaders: [],
    async stop() {},
  };
}

const load = { streams: 3, publishers: 1, updates: 20, patience: 30, topic: "{n}" };
/** For tests that wait for an event that never comes. */
const brief = { patience: 3 };

async function faults(t: TestContext, deliver: Deliver, further: Partial<Load> = {}): Promise<string[]> {
  return faultsOf(await runLoad(await serverWith(t, deliver), { ...load, ...further }));
}

test("a server that delivers each update once and in order has no faults", async (t) => {
  const server = await serverWith(t, (data, _number, responses) => writeAll(responses, data));
  const report = await runLoad(server, { ...load, publishers: 2, channels: 3 });
  assert.deepEqual(faultsOf(report), []);
  assert.equal(report.published, 20);
  assert.equal(report.delivered, 20);
});

test("a lost update is a fault", async (t) => {
  const lose: Deliver = (data, number, responses) => {
    writeAll(number === 7 ? responses.slice(1) : responses, data);
  };
  assert.deepEqual(await faults(t, lose, brief), ["1 lost", "2 divergent"]);
});

test("a lost last update is a fault, although none comes after it", async (t) => {
  const lose: Deliver = (data, number, responses) => {
    if (number !== 19) writeAll(responses, data);
  };
  assert.deepEqual(await faults(t, lose, brief), ["3 lost"]);
});

test("a repeated update is a fault", async (t) => {
  const repeat: Deliver = (data, number, responses) => {
    writeAll(responses, data);
    if (number === 7) write(responses[0], data);
  };
  assert.deepEqual(await faults(t, repeat), ["1 repeated"]);
});

test("a repeated last update is a fault, although all have come", async (t) => {
  const repeat: Deliver = (data, number, responses) => {
    writeAll(responses, data);
    if (number === 19) writeAll(responses, data);
  };
  assert.deepEqual(await faults(t, repeat), ["3 repeated"]);
});

test("updates out of order are a fault", async (t) => {
  let held = "";
  const swap: Deliver = (data, number, responses) => {
    if (number === 7) held = data;
    else writeAll(responses, data);
    if (number === 8) writeAll(responses, held);
  };
  assert.deepEqual(await faults(t, swap), ["3 disordered"]);
});

test("an update of another channel is a fault", async (t) => {
  const others: ServerResponse[] = [];
  const confuse: Deliver = (data, number, responses) => {
    others.push(...responses);
    writeAll(responses, data);
    if (number === 7) write(others[0], data);
  };
  assert.deepEqual(await faults(t, confuse, { channels: 3 }), ["1 misdelivered"]);
});

test("an incomplete update is a fault", async (t) => {
  const spoil: Deliver = (data, number, responses) => {
    writeAll(responses, data);
    write(responses[0], number === 19 ? "~123" : "");
    if (number === 19) write(responses[0], "~".repeat(300));
  };
  assert.deepEqual(await faults(t, spoil), ["1 broken"]);
});

test("a stream that is cut is a fault", async (t) => {
  const cut: Deliver = (data, number, responses) => {
    writeAll(responses, data);
    if (number === 19) responses[0]!.end();
  };
  assert.deepEqual(await faults(t, cut), ["1 closed"]);
});

test("two streams with two publishers' updates in different orders are a fault", async (t) => {
  const held: string[] = [];
  const diverge: Deliver = (data, number, responses) => {
    write(responses[0], data);
    held.push(data);
    if (number % 2 === 0) return;
    const [first = "", second = ""] = held.splice(0);
    for (const response of responses.slice(1)) {
      write(response, second);
      write(response, first);
    }
  };
  // Numbers 0 and 1 are the first updates of the two publishers.
  const report = await runLoad(await serverWith(t, diverge), { ...load, publishers: 2, updates: 2 });
  assert.deepEqual(faultsOf(report), ["2 divergent"]);
  assert.deepEqual(faultsOf(report, { ordersDiffer: true }), []);
});

test("a rejected update is a fault", async (t) => {
  const server = await serverWith(t, () => assert.fail("nothing is published"));
  const refusing = { ...server, publishing: () => ({ path: "/elsewhere", body: "" }) };
  assert.deepEqual(faultsOf(await runLoad(refusing, { ...load, ...brief })), ["20 refused", "60 lost"]);
});

test("a rejected stream ends the run", async (t) => {
  const server = createServer((_req, res) => res.writeHead(503).end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const refusing = { ...(await serverWith(t, () => {})), port };
  await assert.rejects(runLoad(refusing, load), /a stream was refused:\nHTTP\/1\.1 503/);
});
