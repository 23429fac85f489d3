import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Hub, type HubOptions } from "../../src/hub/index.js";
import { MemoryTransport } from "../../src/transport/memory.js";

const transport = new MemoryTransport();

describe("options of the hub", () => {
  test("an unknown one is refused with the nearest name", () => {
    const options = { transport, allowAnonymus: true } as unknown as HubOptions;
    assert.throws(() => new Hub(options), { code: "ERR_OPTION", message: /allowAnonymous/ });
  });

  test("impossible ones are refused", () => {
    for (const options of [
      {},
      { transport: 1 },
      { transport, path: "no-slash" },
      { transport, keepaliveInterval: -1 },
      { transport, keepaliveInterval: 1e9 },
      { transport, publishLimit: 0 },
      { transport, maxPublishTopics: 0 },
      { transport, maxPublishFieldLength: 0.5 },
      { transport, maxSubscriptionBytes: -1 },
      { transport, protocol: 2 },
      { transport, protocol: "0" },
      { transport, resource: "https://hub.example/?x" },
      { transport, maxMatchers: 0 },
      { transport, queryLimit: 0 },
      { transport, maxPatternSize: -1 },
      { transport, subscriberKey: 1 },
      { transport, logger: {} },
      { transport, corsOrigins: ["null"] },
      { transport, corsOrigins: ["https://a.example/path"] },
      { transport, publishOrigins: ["*"] },
      { transport, maxConnections: -1 },
      { transport, maxConnectionsPerAddress: 1.5 },
      { transport, maxConnectionsPerSubject: "many" },
      { transport, connectionLifetime: -1 },
      { transport, maxTokenTopics: 0 },
      { transport, allowPublish: true },
      { transport, allowAnonymous: false },
    ]) {
      assert.throws(() => new Hub(options as unknown as HubOptions), { code: "ERR_OPTION" }, JSON.stringify(options));
    }
  });
});
