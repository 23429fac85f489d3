import type { BlockList } from "node:net";
import type { HubOptions } from "../hub/index.js";
import { historyOptions, identityOptions, type Settings, sharedOptions } from "../hub/options/option-table.js";
import {
  readHistoryOptions,
  readIdentityOption,
  readSharedOptions,
  type SharedHubSettings,
} from "../hub/options/read-options.js";
import type { HubHistoryOptions } from "../hub/options/shared-options.js";
import type { ProtocolVersion } from "../protocol/protocol-version.js";
import type { OptionReader } from "../shared/option-reader.js";
import { isOneOfSeveral } from "../shared/several-processes.js";
import { chosenUrl, transportVariable } from "../transport/chosen-url.js";
import { addressesOf } from "./client-address.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";
import { type HubKeys, hubKeyFlags, readHubKeys } from "./hub-keys.js";
import { identityFlags } from "./identity.js";
import { flagOf, optionFlags } from "./option-flags.js";

export const defaultPort = 5500;

/** The defaults of this command. Publishing over HTTP is on, because this hub has no other publishers. */
const ownDefaults = { allowPublish: true };

const { path, protocol, ...others } = sharedOptions;

export const hubFlags: Flags = {
  host: {
    value: "address",
    variable: "MERCURE_HUB_HOST",
    help: "The address to listen on. Default 127.0.0.1; 0.0.0.0 means all.",
  },
  port: {
    value: "number",
    numeric: true,
    variable: "MERCURE_HUB_PORT",
    help: `The port to listen on. Default ${defaultPort}; 0 means any free port.`,
  },
  ...optionFlags({ path, protocol }),
  ...identityFlags,
  cert: { value: "path", help: "The certificate in PEM, for HTTPS with HTTP/2 and HTTP/1.1. Needs --key." },
  key: { value: "path", help: "The certificate's private key in PEM. Needs --cert." },
  ...hubKeyFlags,
  ...optionFlags({ cookieName: identityOptions.cookieName }),
  ...optionFlags(others, ownDefaults),
  ...optionFlags(historyOptions),
  transport: {
    value: "url",
    variable: transportVariable,
    help: "Where the history is stored: memory, lmdb:./folder, redis://host:6379 or postgres://host/database. Default memory.",
  },
  workers: {
    value: "number",
    numeric: true,
    variable: "MERCURE_HUB_WORKERS",
    help: "Processes that share the port and the transport. Default 1.",
  },
  "trusted-proxy": {
    value: "address",
    multiple: true,
    variable: "MERCURE_HUB_TRUSTED_PROXIES",
    help: "A proxy, or a range such as 10.0.0.0/8, whose X-Forwarded-For is trusted. Can be repeated.",
  },
  "retry-spread": {
    value: "seconds",
    numeric: true,
    help: "After the hub shuts down, clients reconnect after one second and a random part of this time. Default 5.",
  },
  "drain-timeout": {
    value: "seconds",
    numeric: true,
    help: "The max time to hand streams over to other processes when the hub shuts down. Default 5; 0: at once.",
  },
  "shutdown-timeout": {
    value: "seconds",
    numeric: true,
    help: "The max time for open requests when the hub shuts down. Default 5.",
  },
  monitor: {
    negatable: true,
    variable: "MERCURE_HUB_MONITOR",
    help: "Serve /healthz/live and /healthz/ready on a port of their own. Default: yes.",
  },
  "monitor-port": {
    value: "number",
    numeric: true,
    variable: "MERCURE_HUB_MONITOR_PORT",
    help: "The monitor's port. Default: the hub's port plus 1, usually 5501; 0 means any free port.",
  },
  "monitor-host": { value: "address", help: "The monitor's address. Default 127.0.0.1, this machine only." },
  "monitor-allowed-host": {
    value: "name",
    multiple: true,
    help: "A host name that requests to the monitor can use, besides addresses. Can be repeated.",
  },
  metrics: {
    negatable: true,
    variable: "MERCURE_HUB_METRICS",
    help: "Serve /metrics for Prometheus on the monitor's port. Default: yes if prom-client is installed.",
  },
};

/** The configuration of a hub, read from flags and environment. */
export interface HubConfiguration {
  readonly development: boolean;
  /** The version of the publisher's token that development prints. */
  readonly version: ProtocolVersion;
  readonly keys: HubKeys;
  readonly proxies: BlockList;
  readonly history: Settings<HubHistoryOptions>;
  /** The URL of the transport. */
  readonly transport: string;
  /** The number of processes. */
  readonly workers: number;
  /** The hub's options, without those that depend on its address. */
  readonly hub: SharedHubSettings & Pick<HubOptions, "cookieName">;
}

/** Reads the hub's configuration, by the table of an application's hub. */
export function configure(read: OptionReader): HubConfiguration {
  const development = process.env.NODE_ENV !== "production";
  const nameOf = (name: string) => flagOf(name, { ...sharedOptions, ...historyOptions, ...identityOptions }[name]!);
  const shared = readSharedOptions(read, { nameOf, defaults: ownDefaults });
  const history = readHistoryOptions(read, { nameOf });
  const version = process.env.MERCURE_PROTOCOL === "1" ? 1 : 0;
  return {
    development,
    version: shared.protocol === "both" ? version : shared.protocol,
    keys: readHubKeys(read, development),
    proxies: addressesOf(read.strings("trusted-proxy", "MERCURE_HUB_TRUSTED_PROXIES") ?? []),
    history,
    ...readProcesses(read),
    hub: { ...shared, cookieName: readIdentityOption(read, "cookieName", nameOf("cookieName")) },
  };
}

/** @throws UsageError for several processes without a transport that they can share. */
function readProcesses(read: OptionReader): Pick<HubConfiguration, "transport" | "workers"> {
  const workers = read.number("workers", { min: 1, max: 256, integer: true }, "MERCURE_HUB_WORKERS") ?? 1;
  const isShared = workers > 1 || isOneOfSeveral(read.environment);
  const transport =
    chosenUrl(read.string("transport", transportVariable), read.environment, console, isShared) ?? "memory";
  if (workers > 1 && transport === "memory") {
    throw new UsageError(
      "With --workers, each process would have its own history. Let them share one: --transport lmdb:./history.",
    );
  }
  return { transport, workers };
}
