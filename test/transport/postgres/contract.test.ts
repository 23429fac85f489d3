import { after, before, describe } from "node:test";
import { PostgresTransport } from "../../../src/transport/postgres/postgres.js";
import { transportContract } from "../../contract/transport.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";

describe("with a real server", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop());

  transportContract("PostgresTransport", async () => {
    const url = await server.createDatabase();
    return { open: (options) => new PostgresTransport({ url, ...options }) };
  });
});
