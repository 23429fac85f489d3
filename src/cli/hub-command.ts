import type { Hub } from "../hub/index.js";
import { signToken } from "../publisher/streams/tokens.js";
import type { Command } from "./command.js";
import { CommandError, UsageError } from "./errors.js";
import { configure, type HubConfiguration, hubFlags } from "./hub-flags.js";
import { type ResourceIdentity, readIdentity } from "./identity.js";
import { type Address, type ListeningServer, listen, originOf } from "./listen.js";
import { collectMetrics, workerMetrics } from "./metrics.js";
import { monitor } from "./monitor.js";
import { shutdownSignal } from "./signals.js";
import { portBounds, type RunningHub, readServing, startHub } from "./start-hub.js";
import { isHubWorker, Workers, work, workerPort } from "./workers.js";

/** The lifetime of the token that development prints, in seconds. */
const developmentTokenLifetime = 24 * 3600;

export const hubCommand: Command = {
  name: "hub",
  summary: "Runs a Mercure hub.",
  usage: "[flags]",
  details: `The hub accepts updates over HTTP with a publisher's token, and keeps its history in memory, or on disk with
--transport lmdb:./folder. Several processes (--workers) can share that folder and the port. SIGTERM and SIGINT shut
the hub down: it closes every stream, and clients reconnect at different times. A second signal ends it at once.

The monitor serves health checks on a port of its own, for this machine only. It also serves metrics for Prometheus
if prom-client is installed.

In development (NODE_ENV is not production) the hub generates a missing secret and prints a publisher's token.
In production it needs secrets of at least 32 bytes.`,
  positionals: 0,
  flags: hubFlags,

  async run({ read }) {
    const configuration = configure(read);
    const serving = readServing(read, workerPort());
    const withMonitor = read.boolean("monitor", "MERCURE_HUB_MONITOR") ?? true;
    const withMetrics = read.boolean("metrics", "MERCURE_HUB_METRICS");
    if (!withMonitor && withMetrics) throw new UsageError("The flag --metrics needs the monitor: remove --no-monitor.");
    const hasMetrics = withMonitor && withMetrics !== false;
    const identify = (url: string) => readIdentity(read, url);
    const hasWorkers = configuration.workers > 1 && !isHubWorker();
    const own = hasMetrics && !hasWorkers ? await collectMetrics(withMetrics ?? false) : undefined;
    const start = () => startHub(configuration, serving, identify, own);
    if (isHubWorker()) {
      try {
        await work(await start(), async () => (await own?.values()) ?? []);
      } finally {
        // The channel to the primary process keeps this one alive.
        process.disconnect();
      }
      return 0;
    }

    const workers = new Workers();
    const metrics = hasMetrics && hasWorkers ? await workerMetrics(withMetrics ?? false, () => workers.metrics()) : own;
    const monitorPort = read.number("monitor-port", portBounds, "MERCURE_HUB_MONITOR_PORT");
    const monitorHost = read.string("monitor-host");
    const monitorHosts = [
      ...(monitorHost === undefined ? [] : [monitorHost]),
      ...(read.strings("monitor-allowed-host") ?? []),
    ];

    let hub: RunningHub | undefined;
    const shutdown = shutdownSignal();
    const watch = withMonitor
      ? await startMonitor(
          monitor(() => hub ?? { state: "starting" }, metrics, monitorHosts),
          { host: monitorHost ?? "127.0.0.1", port: monitorPort ?? portAfter(serving.address.port) },
          monitorPort === undefined && monitorHost === undefined,
        )
      : undefined;
    try {
      hub = hasWorkers ? await workers.start(configuration.workers, configuration.keys.made) : await start();
      announce(hub.url, configuration, identify(hub.url));
      if (watch) console.log(`Monitor: ${originOf(watch)}/healthz/ready`);

      await shutdown;
      console.error("htmx-mercure: shutting down.");
      await hub.close();
    } finally {
      // The server is still open after an error.
      await watch?.close(0);
    }
    return 0;
  },
};

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

function announce(url: string, configuration: HubConfiguration, identity: ResourceIdentity): void {
  console.log(`Hub: ${url}`);
  const { development, hub, version, keys } = configuration;
  if (!development || !hub.allowPublish || keys.publisherKey === undefined) return;
  const profile = { protocol: version, ...identity };
  const token = signToken({ publish: [{ text: "*" }] }, profile, keys.publisherKey, developmentTokenLifetime);
  console.log(`Publisher token for development, valid for one day: ${token}`);
}
