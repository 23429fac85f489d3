import type { Client, ClientConfig } from "pg";
import { MercureError } from "../../shared/errors.js";
import { loadPeer } from "../peer.js";

/** The part of a pool of `pg` that the transport needs: its settings. */
export interface PostgresPool {
  readonly options: object;
}

/** Connects clients with the same settings. */
export type Connect = () => Promise<Client>;

/** The max time of an attempt to connect, in milliseconds. */
const connectionTimeoutMillis = 4000;

/**
 * Returns a function that opens connections to a URL, or with the settings of a pool. The connections of the pool
 * itself belong to the application: its transactions can hold all of them while they wait for a publish.
 *
 * @param fail - Called when a connection ends.
 * @throws MercureError `ERR_PACKAGE` without the package pg, `ERR_OPTION` for an invalid URL.
 */
export function connector(target: string | PostgresPool, fail: (client: Client, error: Error) => void): Connect {
  const { Client: PgClient } = typeof target === "string" ? loadPg() : { Client: clientOf(target) };
  const config: ClientConfig = {
    ...(typeof target === "string" ? { connectionString: target } : settingsOf(target)),
    connectionTimeoutMillis,
    keepAlive: true,
    application_name: "htmx-mercure",
  };
  checkConfig(() => new PgClient(config));
  return async () => {
    const client = new PgClient(config);
    client.on("error", (error) => fail(client, error));
    client.on("end", () => fail(client, new Error("the connection has ended")));
    await client.connect();
    return client;
  };
}

/**
 * Creates a client, which checks its settings. Its error can quote the URL with the password, so another error replaces
 * it.
 */
function checkConfig(create: () => Client): void {
  try {
    create();
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    const reason =
      code === "ENOENT" ? (cause as Error).message : "Use a URL such as postgres://user:password@host/name.";
    throw new MercureError("ERR_OPTION", `The URL of PostgreSQL is not valid. ${reason}`);
  }
}

/** Returns the settings of a pool. The pool hides its password from loops over its options. */
function settingsOf({ options }: PostgresPool): ClientConfig {
  const { password } = options as ClientConfig;
  return { ...options, ...(password !== undefined && { password }) };
}

/** Returns the pool's own class of clients, so that the transport uses the application's copy of pg. */
function clientOf(pool: PostgresPool): typeof Client {
  return (pool as { Client?: typeof Client }).Client ?? loadPg().Client;
}

function loadPg(): typeof import("pg") {
  return loadPeer<typeof import("pg")>("pg", "The transport postgres");
}

/** Closes a connection at once. */
export function destroy(client: Client): void {
  (client as Client & { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy();
}
