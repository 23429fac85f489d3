import { after, before, describe } from "node:test";
import { transportContract } from "../../../src/transport/contract/transport-contract.js";
import { PostgresTransport } from "../../../src/transport/postgres/postgres.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";

describe("with a real server", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  let hubs = 0;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop());

  transportContract("PostgresTransport", () => {
    const schema = `hub_${hubs++}`;
    return { open: (options) => new PostgresTransport({ url: server.url, schema, ...options }) };
  });
});
