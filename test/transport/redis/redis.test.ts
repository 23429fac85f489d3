import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createClient } from "@redis/client";
import { Hub } from "../../../src/hub/index.js";
import { RedisTransport } from "../../../src/transport/redis/redis.js";
import { transportContract } from "../../contract/transport.js";
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
