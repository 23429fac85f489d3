import { Hub } from "../hub/index.js";
import { signToken } from "../publisher/streams/tokens.js";
import { MemoryTransport } from "../transport/memory/memory.js";
import { readCertificate } from "./certificate.js";
import { clientAddress } from "./client-address.js";
import type { Command } from "./command.js";
import { CommandError, UsageError } from "./errors.js";
import { configure, defaultPort, type HubConfiguration, hubFlags } from "./hub-flags.js";
import { type HubIdentity, readIdentity } from "./identity.js";
import { type Address, type ListeningServer, listen, originOf } from "./listen.js";
import { collectMetrics } from "./metrics.js";
import { monitor } from "./monitor.js";
import { shutdownSignal } from "./signals.js";

/** The lifetime of the token that development prints, in seconds. */
const developmentTokenLifetime = 24 * 3600;

export const hubCommand: Command = {
  name: "hub",
  summary: "Runs a Mercure hub.",
  usage: "[flags]",
  details: `The hub accepts updates over HTTP with a publisher's token, and keeps its history in memory. SIGTERM and SIGINT
shut it down: it closes every stream, and clients reconnect at different times. A second signal ends it at once.

The monitor serves health checks on a port of its own, for this machine only. It also serves metrics for Prometheus
if prom-client is installed.

In development (NODE_ENV is not production) the hub generates a missing secret and prints a publisher's token.
In production it needs secrets of at least 32 bytes.`,
  positionals: 0,
  flags: hubFlags,

  async run({ read }) {
    const configuration = configure(read);
    const { keys, proxies, history } = configuration;
    const retrySpread = read.number("retry-spread", { min: 0, max: 3600 }) ?? 5;
    const shutdownTimeout = read.number("shutdown-timeout", { min: 0, max: 3600 }) ?? 5;
    const withMonitor = read.boolean("monitor", "MERCURE_HUB_MONITOR") ?? true;
    const withMetrics = read.boolean("metrics", "MERCURE_HUB_METRICS");
    if (!withMonitor && withMetrics) throw new UsageError("The flag --metrics needs the monitor: remove --no-monitor.");
    const metrics = withMonitor && withMetrics !== false ? await collectMetrics(withMetrics ?? false) : undefined;
    const transport = new MemoryTransport(history);
    const createHub = (identity: HubIdentity) =>
      new Hub({
        ...configuration.hub,
        ...identity,
        transport,
        publisherKey: keys.publisherKey,
        subscriberKey: keys.subscriberKey,
        issuers: keys.issuers(identity.issuer),
        observer: metrics?.observer,
      });
    const address = {
      host: read.string("host", "MERCURE_HUB_HOST") ?? "127.0.0.1",
      port: read.number("port", portBounds, "MERCURE_HUB_PORT") ?? defaultPort,
      certificate: readCertificate(read),
    };
    const monitorPort = read.number("monitor-port", portBounds, "MERCURE_HUB_MONITOR_PORT");
    const monitorHost = read.string("monitor-host");
    const monitorHosts = [
      ...(monitorHost === undefined ? [] : [monitorHost]),
      ...(read.strings("monitor-allowed-host") ?? []),
    ];

    let ready = false;
    let hub: Hub;
    let server: ListeningServer | undefined;
    const told = shutdownSignal();
    const watch = withMonitor
      ? await startMonitor(
          monitor(() => (ready ? hub.state : "starting"), metrics, monitorHosts),
          { host: monitorHost ?? "127.0.0.1", port: monitorPort ?? portAfter(address.port) },
          monitorPort === undefined && monitorHost === undefined,
        )
      : undefined;
    try {
      server = await listen(
        proxies.rules.length === 0
          ? (req, res) => hub.handle(req, res)
          : (req, res) => hub.handle(Object.assign(req, { ip: clientAddress(req, proxies) }), res),
        address,
      );
      const url = `${originOf(server)}${configuration.hub.path}`;
      const identity = readIdentity(read, url);
      hub = createHub(identity);
      ready = true;
      announce(url, configuration, identity);
      if (watch) console.log(`Monitor: ${originOf(watch)}/healthz/ready`);

      await told;
      console.error("htmx-mercure: shutting down.");
      ready = false;
      await hub.close({ retrySpread });
      await server.close(shutdownTimeout);
      await transport.close();
    } finally {
      // The servers are still open after an error.
      await server?.close(0);
      await watch?.close(0);
    }
    return 0;
  },
};

const portBounds = { min: 0, max: 65_535, integer: true };

/** Returns the next port. The highest port has no next one, so any free port (0) replaces it; 0 stays 0. */
function portAfter(port: number): number {
  return port === 0 || port === portBounds.max ? 0 : port + 1;
}

/**
 * Starts the monitor's server.
 *
 * @param mayFail - Whether the hub starts without the monitor when the port is taken. True for the default host
 *   and port, because no flag names them.
 */
async function startMonitor(
  handle: Hub["handle"],
  address: Address,
  mayFail: boolean,
): Promise<ListeningServer | undefined> {
  try {
    return await listen(handle, address);
  } catch (error) {
    if (!mayFail || !(error instanceof CommandError)) throw error;
    console.error(`htmx-mercure: the monitor did not start. ${error.message}`);
    return undefined;
  }
}

function announce(url: string, configuration: HubConfiguration, identity: HubIdentity): void {
  console.log(`Hub: ${url}`);
  const { development, hub, version, keys } = configuration;
  if (!development || !hub.allowPublish || keys.publisherKey === undefined) return;
  const profile = { protocol: version, ...identity };
  const token = signToken({ publish: [{ text: "*" }] }, profile, keys.publisherKey, developmentTokenLifetime);
  console.log(`Publisher token for development, valid for one day: ${token}`);
}
