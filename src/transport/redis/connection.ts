import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type * as Client from "@redis/client";
import { loadPeer } from "../peer.js";
import type { RedisAddress } from "./address.js";

/** A reply of Redis in RESP 2. */
export type Reply = string | number | null | readonly Reply[];

/** A connection for one purpose. It does not reconnect. */
export interface RedisConnection {
  send(...args: readonly string[]): Promise<Reply>;
  close(): void;
}

interface Host {
  readonly host: string;
  readonly port: number;
}

/** The max time to connect, in milliseconds. */
const connectTimeout = 3000;

/** Opens connections to the server that holds the keys of a hub. */
export class Connector {
  readonly #address: RedisAddress;
  readonly #tls: ConnectionOptions;
  readonly #key: string;
  readonly #client: typeof Client;

  /**
   * @param key - A key of the hub. Its slot selects the server in a cluster.
   * @throws MercureError `ERR_PACKAGE` without the package @redis/client.
   */
  constructor(address: RedisAddress, tls: ConnectionOptions, key: string) {
    this.#address = address;
    this.#tls = tls;
    this.#key = key;
    this.#client = loadPeer<typeof Client>("@redis/client", "The transport redis");
  }

  /** Finds the server. Its address can change with each fail-over. */
  async find(): Promise<Host> {
    const { kind, hosts, master } = this.#address;
    if (kind === "single") return hosts[0]!;
    const failures: string[] = [];
    for (const host of hosts) {
      let connection: RedisConnection | undefined;
      try {
        connection = await this.open(host, kind === "cluster");
        return kind === "sentinel" ? await masterOf(connection, master) : await ownerOf(connection, this.#key, host);
      } catch (error) {
        failures.push(`${host.host}:${host.port}: ${(error as Error).message}`);
      } finally {
        connection?.close();
      }
    }
    throw new Error(
      `no ${kind === "sentinel" ? "sentinel" : "node of the cluster"} knows the server (${failures.join("; ")})`,
    );
  }

  /** @param isData - Whether the server holds data. False for a sentinel. */
  async open({ host, port }: Host, isData = true): Promise<RedisConnection> {
    const { tls, username, password, database } = this.#address;
    const client = this.#client.createClient({
      RESP: 2,
      ...(isData && username !== undefined && { username }),
      ...(isData && password !== undefined && { password }),
      ...(isData && { database }),
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: "disabled",
      socket: {
        host,
        port,
        connectTimeout,
        reconnectStrategy: false,
        // TLS does not allow an address as the name of a server.
        ...(tls && { ...(isIP(host) === 0 && { servername: host }), ...this.#tls, tls: true as const }),
      },
    });
    // Each failed call reports its own error.
    client.on("error", () => {});
    await client.connect();
    return {
      send: (...args) => client.sendCommand(args) as Promise<Reply>,
      close: () => {
        if (client.isOpen) client.destroy();
      },
    };
  }
}

async function masterOf(sentinel: RedisConnection, name: string): Promise<Host> {
  const found = (await sentinel.send("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)) as string[] | null;
  if (found === null) throw new Error(`the sentinel watches no master ${name}`);
  return { host: found[0]!, port: Number(found[1]) };
}

async function ownerOf(node: RedisConnection, key: string, asked: Host): Promise<Host> {
  const slot = Number(await node.send("CLUSTER", "KEYSLOT", key));
  const ranges = (await node.send("CLUSTER", "SLOTS")) as [number, number, [string, number]][];
  const range = ranges.find(([from, to]) => from <= slot && slot <= to);
  if (range === undefined) throw new Error("no node of the cluster serves the keys");
  const [host, port] = range[2];
  return { host: host || asked.host, port };
}
