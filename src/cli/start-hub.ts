import { setTimeout } from "node:timers/promises";
import { Hub } from "../hub/index.js";
import { createTransport } from "../hub/options/read-options.js";
import type { OptionReader } from "../shared/option-reader.js";
import { readCertificate } from "./certificate.js";
import { clientAddress } from "./client-address.js";
import { defaultPort, type HubConfiguration } from "./hub-flags.js";
import type { ResourceIdentity } from "./identity.js";
import { type Address, type ListeningServer, listen, originOf } from "./listen.js";
import type { Metrics } from "./metrics.js";

/** The max time that the start waits for the store, in milliseconds. */
const maxWait = 1000;

export const portBounds = { min: 0, max: 65_535, integer: true };

/** The flags that concern the hub's server. */
export interface Serving {
  readonly address: Address;
  /** The port of the first worker, if the address has port 0. */
  readonly sharedPort?: number | undefined;
  readonly retrySpread: number;
  readonly drainTimeout: number;
  readonly shutdownTimeout: number;
}

/** A hub that takes requests, in this process or in workers. */
export interface RunningHub {
  readonly url: string;
  readonly state: Hub["state"];
  /** See `heldBackBy` in `Transport`. */
  readonly heldBackBy: string | undefined;
  /** Shuts the hub down, and resolves when all connections have ended. */
  close(): Promise<void>;
}

/** @param firstPort - The port of the first worker, for a later one. */
export function readServing(read: OptionReader, firstPort: number | undefined): Serving {
  const port = read.number("port", portBounds, "MERCURE_HUB_PORT") ?? defaultPort;
  return {
    address: {
      host: read.string("host", "MERCURE_HUB_HOST") ?? "127.0.0.1",
      port,
      certificate: readCertificate(read),
    },
    sharedPort: port === 0 ? firstPort : undefined,
    retrySpread: read.number("retry-spread", { min: 0, max: 3600 }) ?? 5,
    drainTimeout: read.number("drain-timeout", { min: 0, max: 3600 }) ?? 5,
    shutdownTimeout: read.number("shutdown-timeout", { min: 0, max: 3600 }) ?? 5,
  };
}

/**
 * Starts a hub in this process.
 *
 * @param identify - Returns the hub's identity, which can depend on its URL.
 */
export async function startHub(
  configuration: HubConfiguration,
  { address, sharedPort, retrySpread, drainTimeout, shutdownTimeout }: Serving,
  identify: (url: string) => ResourceIdentity,
  metrics: Pick<Metrics, "observer" | "watch"> | undefined,
): Promise<RunningHub> {
  const { keys, proxies } = configuration;
  const transport = createTransport(configuration.transport, configuration.history, console);
  metrics?.watch(transport);
  let hub: Hub;
  let server: ListeningServer | undefined;
  let url: string;
  try {
    // A store that takes longer counts as unreachable. The hub then starts, and refuses streams until the store
    // answers.
    await Promise.race([transport.ready, setTimeout(maxWait, undefined, { ref: false })]);
    const handle: Hub["handle"] =
      proxies.rules.length === 0
        ? (req, res) => hub.handle(req, res)
        : (req, res) => hub.handle(Object.assign(req, { ip: clientAddress(req, proxies) }), res);
    server = await listen(handle, address);
    // Node gives all workers that listen on port 0 the same port, unless none of these workers is running.
    if (sharedPort !== undefined && server.port !== sharedPort) {
      await server.close(0);
      server = await listen(handle, { ...address, port: sharedPort });
    }
    url = `${originOf(server)}${configuration.hub.path}`;
    const identity = identify(url);
    hub = new Hub({
      ...configuration.hub,
      ...identity,
      transport,
      publisherKey: keys.publisherKey,
      subscriberKey: keys.subscriberKey,
      issuers: keys.issuers(identity.issuer),
      observer: metrics?.observer,
    });
  } catch (error) {
    await server?.close(0);
    await transport.close();
    throw error;
  }
  const { close } = server;
  return {
    url,
    get state() {
      return hub.state;
    },
    get heldBackBy() {
      return transport.heldBackBy;
    },
    async close() {
      await hub.close({ drainTimeout, retrySpread });
      await close(shutdownTimeout);
      await transport.close();
    },
  };
}
