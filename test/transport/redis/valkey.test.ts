// The suites of Redis, with a server of Valkey.

// They read it when they are loaded. This process runs no other tests.
process.env.REDIS_SERVER = "valkey-server";
await import("./redis.test.js");
await import("./servers.test.js");
