import { Hub } from "../hub/index.js";
import type { OptionReader } from "../option-reader.js";
import { signToken } from "../publisher/tokens.js";
import { MemoryTransport } from "../transport/memory.js";
import { readCertificate } from "./certificate.js";
import { clientAddress } from "./client-address.js";
import type { Command } from "./command.js";
import { configure, defaultPort, type HubConfiguration, hubFlags } from "./hub-flags.js";
import { type HubIdentity, readIdentity } from "./identity.js";
import { type Address, type ListeningServer, listen, originOf } from "./listen.js";
import { collectMetrics } from "./metrics.js";
import { monitor } from "./monitor.js";
import { whenTold } from "./signals.js";

const defaultMonitorPort = 5501;

/** How long the token is valid that development prints, in seconds. */
const developmentTokenLifetime = 24 * 3600;

export const hubCommand: Command = {
  name: "hub",
  summary: "Runs a Mercure hub.",
  usage: "[flags]",
  details: `It takes updates over HTTP from whoever has a publisher's token, and keeps them in memory. SIGTERM and SIGINT
end it: clients are told to come back at different times. A second signal ends it at once.

In development (NODE_ENV is not production) a missing secret is made, and a publisher's token is printed.
In production secrets are needed, of at least 32 bytes.`,
  positionals: 0,
  flags: hubFlags,

  async run({ read }) {
    const configuration = configure(read);
    const { keys, proxies, history } = configuration;
    const retrySpread = read.number("retry-spread", { least: 0, most: 3600 }) ?? 5;
    const shutdownTimeout = read.number("shutdown-timeout", { least: 0, most: 3600 }) ?? 5;
    const withMetrics = read.boolean("metrics", "MERCURE_HUB_METRICS") ?? false;
    const metrics = withMetrics ? await collectMetrics() : undefined;
    const transport = new MemoryTransport(history);
    const hubCalled = (identity: HubIdentity) =>
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
    const monitorAddress = readMonitorAddress(read, withMetrics);

    let ready = false;
    let hub: Hub;
    let server: ListeningServer | undefined;
    const told = whenTold();
    const watch =
      monitorAddress &&
      (await listen(
        monitor(() => ready, metrics),
        monitorAddress,
      ));
    try {
      server = await listen(
        (req, res) => hub.handle(Object.assign(req, { ip: clientAddress(req, proxies) }), res),
        address,
      );
      const url = `${originOf(server)}${configuration.hub.path}`;
      const identity = readIdentity(read, url);
      hub = hubCalled(identity);
      ready = true;
      announce(url, configuration, identity);
      if (watch) console.log(`Monitor: ${originOf(watch)}/${withMetrics ? "metrics" : "healthz/ready"}`);

      await told;
      console.error("htmx-mercure: ending.");
      ready = false;
      await hub.close({ retrySpread });
      await server.close(shutdownTimeout);
      await transport.close();
    } finally {
      // Still open where something went wrong.
      await server?.close(0);
      await watch?.close(0);
    }
    return 0;
  },
};

const portBounds = { least: 0, most: 65_535, whole: true };

/** Undefined when nobody wants to look after the hub. */
function readMonitorAddress(read: OptionReader, withMetrics: boolean): Address | undefined {
  const port = read.number("monitor-port", portBounds, "MERCURE_HUB_MONITOR_PORT");
  const host = read.string("monitor-host");
  if (port === undefined && host === undefined && !withMetrics) return undefined;
  return { host: host ?? "127.0.0.1", port: port ?? defaultMonitorPort };
}

function announce(url: string, configuration: HubConfiguration, identity: HubIdentity): void {
  console.log(`Hub: ${url}`);
  const { development, hub, generation, keys } = configuration;
  if (!development || !hub.allowPublish || keys.publisherKey === undefined) return;
  const profile = { protocol: generation, ...identity };
  const token = signToken({ publish: [{ text: "*" }] }, profile, keys.publisherKey, developmentTokenLifetime);
  console.log(`Publisher token, for a day, since this is development: ${token}`);
}
