import { after, before, describe } from "node:test";
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
});
