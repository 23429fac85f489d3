import type { BlockList } from "node:net";
import type { HubOptions } from "../hub/index.js";
import { readHubLimits } from "../hub/limits/hub-limits.js";
import { defaultHubPath } from "../protocol/draft.js";
import type { Protocol } from "../protocol/matching/subscription-parameters.js";
import type { ProtocolVersion } from "../protocol/protocol-version.js";
import type { OptionReader } from "../shared/option-reader.js";
import type { MemoryTransportOptions } from "../transport/memory/memory.js";
import { addressesOf } from "./client-address.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";
import { type HubKeys, hubKeyFlags, readHubKeys } from "./hub-keys.js";
import { identityFlags } from "./identity.js";
import { limitFlag, limitFlags } from "./limit-flags.js";

export const defaultPort = 5500;

export const hubFlags: Flags = {
  host: {
    value: "address",
    variable: "MERCURE_HUB_HOST",
    help: "Where to listen. Default 127.0.0.1; 0.0.0.0 is everywhere.",
  },
  port: {
    value: "number",
    numeric: true,
    variable: "MERCURE_HUB_PORT",
    help: `Default ${defaultPort}; 0 takes a free one.`,
  },
  path: { value: "path", help: "The path of the hub's URL. Default /.well-known/mercure." },
  protocol: {
    value: "0|1|both",
    variable: "MERCURE_HUB_PROTOCOL",
    help: "Which generations of Mercure to speak. Default both.",
  },
  ...identityFlags,
  cert: { value: "path", help: "A certificate in PEM, with --key: HTTPS, by HTTP/2 and HTTP/1.1." },
  key: { value: "path", help: "The certificate's private key in PEM." },
  ...hubKeyFlags,
  "cookie-name": {
    value: "name",
    variable: "MERCURE_AUTHZ_COOKIE_NAME",
    help: "The cookie with a browser's token. Default __Secure-mercure_access_token, mercureAuthorization.",
  },
  "allow-anonymous": {
    negatable: true,
    variable: "MERCURE_HUB_ALLOW_ANONYMOUS",
    help: "Whether subscribers may come without a token. Default: yes.",
  },
  "allow-publish": {
    negatable: true,
    variable: "MERCURE_HUB_ALLOW_PUBLISH",
    help: "Whether updates are taken over HTTP. Default: yes.",
  },
  subscriptions: {
    negatable: true,
    variable: "MERCURE_HUB_SUBSCRIPTIONS",
    help: "Whether the hub tells of active subscriptions. Default: yes.",
  },
  "cors-origin": {
    value: "origin",
    multiple: true,
    variable: "MERCURE_HUB_CORS_ORIGINS",
    help: "Another origin whose pages may use the hub; * for all, without cookies.",
  },
  "publish-origin": {
    value: "origin",
    multiple: true,
    variable: "MERCURE_HUB_PUBLISH_ORIGINS",
    help: "Another origin whose pages may publish by cookie.",
  },
  "connection-lifetime": {
    value: "seconds",
    numeric: true,
    help: "How long a stream is open at most. Default 3600; 0 for no end.",
  },
  "clock-tolerance": {
    value: "seconds",
    numeric: true,
    variable: "MERCURE_HUB_CLOCK_TOLERANCE",
    help: "How far the clock of a token's issuer may be ahead. Default 30; max 300; 0 for none.",
  },
  "keepalive-interval": {
    value: "seconds",
    numeric: true,
    variable: "MERCURE_HUB_KEEPALIVE_INTERVAL",
    help: "Between comments on quiet streams. Default 15; 0 sends none.",
  },
  "reconciliation-length": {
    value: "number",
    numeric: true,
    variable: "MERCURE_HUB_RECONCILIATION_LENGTH",
    help: "How many updates of each topic are kept. Default 500.",
  },
  "max-history-bytes": { value: "bytes", numeric: true, help: "How much is kept in all. Default 64 MiB." },
  "trusted-proxy": {
    value: "address",
    multiple: true,
    variable: "MERCURE_HUB_TRUSTED_PROXIES",
    help: "A proxy, or a range such as 10.0.0.0/8, whose X-Forwarded-For says where clients are.",
  },
  ...limitFlags,
  "retry-spread": {
    value: "seconds",
    numeric: true,
    help: "When the hub ends, clients come back within this time. Default 5.",
  },
  "shutdown-timeout": { value: "seconds", numeric: true, help: "How long requests may take to end. Default 5." },
  monitor: {
    negatable: true,
    variable: "MERCURE_HUB_MONITOR",
    help: "Serve /healthz/live and /healthz/ready, at a port of their own. Default: yes.",
  },
  "monitor-port": {
    value: "number",
    numeric: true,
    variable: "MERCURE_HUB_MONITOR_PORT",
    help: "Where. Default: the port after the hub's, so 5501; 0 takes a free one.",
  },
  "monitor-host": { value: "address", help: "Default 127.0.0.1: this machine only." },
  "monitor-allowed-host": {
    value: "name",
    multiple: true,
    help: "A name by which requests may ask for health, besides addresses. May be repeated.",
  },
  metrics: {
    negatable: true,
    variable: "MERCURE_HUB_METRICS",
    help: "Serve /metrics for Prometheus there too. Default: where prom-client is installed.",
  },
};

/** The configuration of a hub, read from flags and environment. */
export interface HubConfiguration {
  readonly development: boolean;
  /** The generation of the publisher's token that development prints. */
  readonly generation: ProtocolVersion;
  readonly keys: HubKeys;
  readonly proxies: BlockList;
  readonly history: MemoryTransportOptions;
  /** The hub's options, without those that depend on its address. */
  readonly hub: Omit<HubOptions, "transport"> & { readonly path: string; readonly allowPublish: boolean };
}

/**
 * Reads the hub's configuration by the rules of a hub in an application. One default differs: publishing over HTTP is
 * on, since this hub has no other publishers.
 */
export function configure(read: OptionReader): HubConfiguration {
  const development = process.env.NODE_ENV !== "production";
  const protocol = readProtocol(read);
  return {
    development,
    generation: protocol === "both" ? (process.env.MERCURE_PROTOCOL === "1" ? 1 : 0) : protocol,
    keys: readHubKeys(read, development),
    proxies: addressesOf(readList(read, "trusted-proxy", "MERCURE_HUB_TRUSTED_PROXIES")),
    history: {
      historyLength: read.number(
        "reconciliation-length",
        { min: 0, integer: true },
        "MERCURE_HUB_RECONCILIATION_LENGTH",
      ),
      maxHistoryBytes: read.number("max-history-bytes", { min: 0, integer: true }),
    },
    hub: {
      path: read.path("path") ?? defaultHubPath,
      protocol,
      authorizationServers: readList(read, "authorization-server", "MERCURE_HUB_AUTHORIZATION_SERVERS"),
      cookieName: read.cookieName("cookie-name", "MERCURE_AUTHZ_COOKIE_NAME"),
      subscriptions: read.boolean("subscriptions", "MERCURE_HUB_SUBSCRIPTIONS"),
      corsOrigins: read.corsOrigins("cors-origin", "MERCURE_HUB_CORS_ORIGINS"),
      publishOrigins: read.origins("publish-origin", "MERCURE_HUB_PUBLISH_ORIGINS"),
      connectionLifetime: read.number("connection-lifetime", { min: 0 }),
      clockTolerance: read.number("clock-tolerance", { min: 0, max: 300 }, "MERCURE_HUB_CLOCK_TOLERANCE"),
      allowAnonymous: read.boolean("allow-anonymous", "MERCURE_HUB_ALLOW_ANONYMOUS"),
      allowPublish: read.boolean("allow-publish", "MERCURE_HUB_ALLOW_PUBLISH") ?? true,
      keepaliveInterval: read.number("keepalive-interval", { min: 0, max: 86_400 }, "MERCURE_HUB_KEEPALIVE_INTERVAL"),
      ...readHubLimits(read, limitFlag),
    },
  };
}

/** Reads a list from a flag, or from a variable whose items are separated by spaces or commas. */
function readList(read: OptionReader, flag: string, variable: string): readonly string[] {
  return read.strings(flag) ?? (process.env[variable] ?? "").split(/[\s,]+/).filter(Boolean);
}

function readProtocol(read: OptionReader): Protocol {
  const protocol = read.string("protocol", "MERCURE_HUB_PROTOCOL") ?? "both";
  if (protocol === "both") return protocol;
  if (protocol !== "0" && protocol !== "1") {
    throw new UsageError(`The flag --protocol is 0, 1 or both, not "${protocol}".`);
  }
  return protocol === "0" ? 0 : 1;
}
