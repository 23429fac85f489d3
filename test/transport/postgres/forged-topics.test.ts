import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, type TestContext, test } from "node:test";
import { Hub } from "../../../src/hub/hub.js";
import { PostgresTransport } from "../../../src/transport/postgres/postgres.js";
import { openStream } from "../../support/event-stream.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";

// The attack: a role that may only call mercure.publish() writes the hub's own updates. A forged disconnection would
// end everybody's streams, and a forged subscription event would show absent people.
const topics = ["/live/orders/all", "/live/%6Frders/all", "/live/subscriptions/orders/urn%3Auuid%3A1", "/live"];
const order = '{"kind":"topic","name":"orders","before":99999999999999}';

describe("a role that may publish from SQL, and a hub at another path than the default", {
  skip: withoutPostgres,
}, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
    await server.query("create role guest login");
  });
  after(() => server.stop());

  async function open(t: TestContext) {
    const url = await server.createDatabase();
    const lines: string[] = [];
    const logger = { warn: (line: string) => void lines.push(line), error: (line: string) => void lines.push(line) };
    const transport = new PostgresTransport({ url, logger });
    t.after(() => transport.close());
    await transport.ready;
    await server.query("grant usage on schema mercure to guest", [], url);
    const guest = new URL(url);
    guest.username = "guest";
    const publish = (topic: string, data: string) =>
      server.query("select mercure.publish($1, $2)", [[topic], data], guest.href);
    const hub = () => {
      const made = new Hub({ path: "/live", transport, logger, subscriberKey: "k".repeat(32) });
      t.after(() => made.close());
      return made;
    };
    return { transport, publish, lines, hub };
  }

  async function streamOf(t: TestContext, hub: Hub) {
    const http = createServer(hub.handle).listen(0, "127.0.0.1");
    t.after(() => http.close());
    await new Promise((resolve) => http.once("listening", resolve));
    const { port } = http.address() as { port: number };
    return openStream(t, `http://127.0.0.1:${port}/live?topic=orders`);
  }

  test("cannot end streams, nor publish on any topic of the hub", async (t) => {
    const { transport, publish, lines, hub } = await open(t);
    const heard: string[] = [];
    const stream = await streamOf(t, hub());
    transport.listen({ update: ({ update }) => heard.push(update.data) });
    for (const topic of topics) await publish(topic, order);
    await publish("orders", "good");
    assert.equal((await stream.next())?.data, "good");
    assert.ok(heard.includes("good") && !heard.includes(order));
    assert.equal(
      lines.filter((line) => /an update from SQL is skipped. The topic .* is reserved/.test(line)).length,
      4,
    );
  });

  test("cannot do so before the hub begins, where the transport has already read its updates", async (t) => {
    const { transport, publish, hub } = await open(t);
    for (const topic of topics) await publish(topic, order);
    await transport.publish({ topics: ["orders"], data: "read", private: false });
    const made = hub();
    const { updates } = transport.read({ topics: "*", after: 0 });
    assert.deepEqual(
      updates.map(({ update }) => update.data),
      ["read"],
    );
    const orders = transport.read({ topics: new Set(topics), after: 0 });
    assert.deepEqual(orders.updates, []);
    const stream = await streamOf(t, made);
    await publish("orders", "good");
    assert.equal((await stream.next())?.data, "good");
  });
});
