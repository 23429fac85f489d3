import type { OptionReader } from "../option-reader.js";
import { type Configuration, type MercureOptions, resolveOptions } from "../options.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";
import { readSecret, secretFlags } from "./secrets.js";

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
  cert: { value: "path", help: "A certificate in PEM, with --key: HTTPS, by HTTP/2 and HTTP/1.1." },
  key: { value: "path", help: "The certificate's private key in PEM." },
  ...secretFlags("publisher-secret", "The key of publishers' tokens.", "MERCURE_PUBLISHER_JWT_KEY"),
  ...secretFlags("subscriber-secret", "The key of subscribers' tokens.", "MERCURE_SUBSCRIBER_JWT_KEY"),
  ...secretFlags("secret", "The key of both, where they have none of their own.", "SECRET_KEY"),
  "cookie-name": { value: "name", help: "The cookie with a browser's token. Default mercureAuthorization." },
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
  "publish-limit": { value: "bytes", numeric: true, help: "How large a request to publish may be. Default 1 MiB." },
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
  "history-bytes": { value: "bytes", numeric: true, help: "How much is kept in all. Default 64 MiB." },
  "retry-spread": {
    value: "seconds",
    numeric: true,
    help: "When the hub ends, clients come back within this time. Default 5.",
  },
  "shutdown-timeout": { value: "seconds", numeric: true, help: "How long requests may take to end. Default 5." },
  "monitor-port": {
    value: "number",
    numeric: true,
    variable: "MERCURE_HUB_MONITOR_PORT",
    help: "Serve /healthz/live and /healthz/ready at this port; 0 takes a free one. Default: not at all.",
  },
  "monitor-host": { value: "address", help: "Where to. Default 127.0.0.1: this machine only." },
  metrics: {
    negatable: true,
    variable: "MERCURE_HUB_METRICS",
    help: "Serve /metrics for Prometheus there too, at port 5501 unless told otherwise. Needs prom-client.",
  },
};

/** The same rules as for the hub in an application, but for publishing over HTTP: without it nobody could publish. */
export function configure(read: OptionReader): Configuration {
  const stdin = ["secret-file", "publisher-secret-file", "subscriber-secret-file"].filter(
    (name) => read.string(name) === "-",
  );
  if (stdin.length > 1) throw new UsageError(`Only one of --${stdin.join(" and --")} can be the standard input.`);
  const options: MercureOptions = {
    secret: readSecret(read, "secret", ["SECRET_KEY"]),
    publisherSecretKey: readSecret(read, "publisher-secret", ["MERCURE_PUBLISHER_JWT_KEY"]),
    subscriberSecretKey: readSecret(read, "subscriber-secret", ["MERCURE_SUBSCRIBER_JWT_KEY"]),
    hub: {
      path: read.path("path"),
      allowAnonymous: read.boolean("allow-anonymous", "MERCURE_HUB_ALLOW_ANONYMOUS"),
      allowPublish: read.boolean("allow-publish", "MERCURE_HUB_ALLOW_PUBLISH") ?? true,
      keepaliveInterval: read.number(
        "keepalive-interval",
        { least: 0, most: 86_400 },
        "MERCURE_HUB_KEEPALIVE_INTERVAL",
      ),
      reconciliationLength: read.number(
        "reconciliation-length",
        { least: 0, whole: true },
        "MERCURE_HUB_RECONCILIATION_LENGTH",
      ),
      historyBytes: read.number("history-bytes", { least: 0, whole: true }),
    },
  };
  return resolveOptions(options);
}
