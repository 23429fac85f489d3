import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Hub, type HubOptions } from "../../src/hub/index.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";

const transport = new MemoryTransport();

describe("options of the hub", () => {
  test("reject an unknown name and suggest the nearest", () => {
    const options = { transport, allowAnonymus: true } as unknown as HubOptions;
    assert.throws(() => new Hub(options), { code: "ERR_OPTION", message: /allowAnonymous/ });
  });

  test("reject invalid values", () => {
    for (const options of [
      {},
      { transport: 1 },
      { transport, path: "no-slash" },
      { transport, keepaliveInterval: -1 },
      { transport, keepaliveInterval: 1e9 },
      { transport, maxPublishBytes: 0 },
      { transport, maxPublishTopics: 0 },
      { transport, maxPublishFieldLength: 0.5 },
      { transport, maxSubscriptionBytes: -1 },
      { transport, protocol: 2 },
      { transport, protocol: "0" },
      { transport, resource: "https://hub.example/?x" },
      { transport, maxMatchers: 0 },
      { transport, maxQueryBytes: 0 },
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

  // An attacker guesses a three-byte HS256 key in an instant, and can then sign tokens for everybody.
  test("reject a short key in production, and warn of it once in development", () => {
    const warnings: string[] = [];
    const logger = { warn: (message: string) => void warnings.push(message), error: () => {} };
    for (const keys of [{ subscriberKey: "abc" }, { publisherKey: "abc", allowPublish: true }]) {
      const production = { transport, logger, ...keys, development: false };
      assert.throws(() => new Hub(production), { code: "ERR_OPTION", message: /3 bytes/ });
    }
    assert.deepEqual(warnings, []);
    new Hub({ transport, logger, subscriberKey: "abc", publisherKey: "abc", development: true });
    new Hub({ transport, logger, subscriberKey: "abc", development: true });
    assert.equal(warnings.length, 1);
  });

  test("take production from NODE_ENV", (t) => {
    const { NODE_ENV } = process.env;
    t.after(() => {
      if (NODE_ENV === undefined) delete process.env.NODE_ENV;
      else process.env.NODE_ENV = NODE_ENV;
    });
    process.env.NODE_ENV = "production";
    assert.throws(() => new Hub({ transport, subscriberKey: "abc" }), { code: "ERR_OPTION" });
  });
});
