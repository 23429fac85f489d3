import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createClient } from "@redis/client";
import { Hub } from "../../../src/hub/index.js";
import { transportContract } from "../../../src/transport/contract/transport-contract.js";
import { RedisTransport } from "../../../src/transport/redis/redis.js";
import { RedisServer, withoutRedis } from "../../support/redis.js";

describe("Redis", { skip: withoutRedis }, () => {
  let server: RedisServer;
  let hubs = 0;
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.stop());

  transportContract("RedisTransport", () => {
    const prefix = `hub-${hubs++}`;
    return { open: (options) => new RedisTransport({ url: server.url, prefix, ...options }) };
  });

  test("takes its options from the query of the URL, and the options of the class win", async () => {
    const hub = new Hub({ transport: `${server.url}/1?prefix=chat&publishTimeout=2` });
    await hub.ready;
    await hub.publish({ topics: ["a"], data: "1", private: false });
    await hub.close();
    const other = new RedisTransport({ url: `${server.url}/1?prefix=chat`, prefix: "mail" });
    await other.publish({ topics: ["a"], data: "1", private: false });
    await other.close();
    const client = createClient({ url: `${server.url}/1` });
    await client.connect();
    const keys = await client.keys("*:log");
    await client.close();
    assert.deepEqual(keys.sort(), ["{chat}:log", "{mail}:log"]);
  });

  // A password that is not percent-encoded can look like a path, a query or a port, and must not be in a message.
  test("rejects a URL that it would understand only in part, and quotes no password", () => {
    for (const [url, message] of [
      ["redis://user:a?s3cret@host", /invalid host or port/],
      ["redis://user:a/s3cret@host", /invalid host or port/],
      ["redis://user:a@s3cret@host", /not a valid URL/],
      ["redis://host/1/s3cret", /a path of several parts/],
      ["redis://user:s3cret@host#a", /not a valid URL/],
      ["redis://a b", /not a valid URL/],
      ["other://host?password=s3cret", /transport "other:…" is unknown/],
    ] as const) {
      assert.throws(
        () => new Hub({ transport: url }),
        (error: Error & { code: string }) => {
          assert.equal(error.code, "ERR_OPTION");
          assert.match(error.message, message, url);
          assert.doesNotMatch(error.message, /s3cret/);
          return true;
        },
      );
    }
  });

  test("rejects options in the query that are unknown or not valid", () => {
    for (const [query, message] of [
      ["prefx=chat", /The option prefx does not exist. Did you mean "prefix"/],
      ["durability=tape", /durability must be/],
      ["replicas=0", /replicas must be a whole number, min 1/],
      ["replicas=some", /replicas must be a whole number/],
      ["tls=yes", /tls must be an object/],
    ] as const) {
      assert.throws(() => new Hub({ transport: `redis://localhost?${query}` }), { code: "ERR_OPTION", message });
    }
  });
});
