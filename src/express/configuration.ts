import type { Request } from "express";
import type { Environment } from "nunjucks";
import type { Settings } from "../hub/options/option-table.js";
import {
  readHistoryOptions,
  readSharedOptions,
  refuseHistoryOptions,
  type SharedHubSettings,
} from "../hub/options/read-options.js";
import type { HubHistoryOptions } from "../hub/options/shared-options.js";
import { type OutboxSettings, readOutboxOptions } from "../publisher/outbox/outbox-options.js";
import type { PresenceKey } from "../publisher/presence/presence.js";
import type { Authorize } from "../publisher/streams/authorizer.js";
import type { TokenMode } from "../publisher/streams/token-mode.js";
import { generateDevSecret } from "../shared/generate-dev-secret.js";
import type { HtmxLine } from "../shared/htmx-line.js";
import { checkKeyLength } from "../shared/key-length.js";
import { keyVariables } from "../shared/key-variables.js";
import { guardedLogger, type Logger } from "../shared/logger.js";
import { invalidOption, OptionReader } from "../shared/option-reader.js";
import { chosenUrl, transportVariable } from "../transport/chosen-url.js";
import type { Transport } from "../transport/transport.js";
import { installedLine } from "./htmx-scripts.js";
import { type HubIdentity, resolveHubIdentity } from "./hub-identity.js";
import type { MercureOptions } from "./options.js";

/** The resolved options. Nothing reads the environment variables after they are resolved. */
export interface Configuration extends HubIdentity {
  readonly templates: readonly string[];
  readonly components: readonly string[];
  readonly environment: Environment | undefined;
  readonly publisherSecretKey: string;
  readonly subscriberSecretKey: string;
  readonly publisherJwt: string | undefined;
  readonly typeIsTopic: boolean;
  readonly tokenMode: TokenMode;
  readonly authorize: Authorize<Request> | undefined;
  readonly renewalPath: string;
  readonly shareConnections: boolean;
  readonly maxStreamUrlBytes: number;
  readonly tokenLifetime: number;
  readonly payloadGetter: MercureOptions["payloadGetter"];
  readonly subjectGetter: MercureOptions["subjectGetter"];
  readonly presenceKey: PresenceKey;
  readonly presenceGrace: number;
  readonly htmx: HtmxLine;
  readonly pauseHiddenAfter: number;
  readonly swapStyles: readonly string[];
  readonly assetsPath: string;
  readonly publicPath: string;
  /** The hub's path for browsers. The public base path precedes it if it is the hub's own path. */
  readonly publicHubPath: string;
  /** Whether `publicPath` comes from `publicHubUrl`. */
  readonly isPublicPathFromHubUrl: boolean;
  readonly development: boolean;
  readonly logger: Logger;
  readonly hub: SharedHubSettings & Settings<HubHistoryOptions>;
  /** The transport of the hub in this process, or its URL. */
  readonly transport: Transport | string;
  readonly outbox: OutboxSettings | undefined;
}

/**
 * Resolves options and environment variables into one configuration.
 *
 * @throws MercureError `ERR_OPTION` for an unknown or invalid option. The message names it.
 */
export function resolveOptions(options: MercureOptions = {}, environment = process.env): Configuration {
  const read = new OptionReader(options, "", environment);
  const hub = new OptionReader(read.object("hub"), "hub.", environment);
  const development = read.boolean("development") ?? environment.NODE_ENV !== "production";
  const logger = guardedLogger(read.logger("logger") ?? console);
  const nunjucks = read.object("environment") as Environment | undefined;
  const templates = read.folders("templates");
  if (nunjucks !== undefined && templates !== undefined) {
    throw invalidOption("templates", "cannot be combined with environment, which has its own loaders");
  }
  const hubSettings = { ...readSharedOptions(hub), ...readHistoryOptions(hub) };
  const { path, protocol: hubProtocol } = hubSettings;
  const identity = resolveHubIdentity(read, options, path, development);
  if (identity.hubUrl === undefined && hubProtocol !== "both" && hubProtocol !== identity.protocol) {
    throw invalidOption("hub.protocol", `is ${hubProtocol}; the hub would reject the library's own tokens and streams`);
  }
  const givenTransport = read.stringOrObject("transport", transportVariable) as Transport | string | undefined;
  if (identity.hubUrl !== undefined && options.transport !== undefined) {
    throw invalidOption("transport", "is for the hub in this process, and hubUrl names another hub");
  }
  if (typeof givenTransport === "object") refuseHistoryOptions(options.hub, "hub.");
  const isUrl = typeof givenTransport !== "object" && identity.hubUrl === undefined;
  const transport = (isUrl ? chosenUrl(givenTransport, environment, logger) : givenTransport) ?? "memory";
  const secret = read.key("secret", ["SECRET_KEY"]);
  const publisherSecretKey = read.key("publisherSecretKey", keyVariables.publisher);
  const subscriberSecretKey = read.key("subscriberSecretKey", keyVariables.subscriber);
  const needsSecret = publisherSecretKey === undefined || subscriberSecretKey === undefined;
  const shared = needsSecret ? (secret ?? generateDevSecret(identity.hubUrl, development, logger)) : "";
  const keys = {
    publisherSecretKey: publisherSecretKey ?? shared,
    subscriberSecretKey: subscriberSecretKey ?? shared,
  };
  for (const key of new Set(Object.values(keys))) checkKeyLength(key, development, logger);

  const configuration: Configuration = {
    ...keys,
    ...identity,
    ...publicPaths(identity, path, read.prefix("publicPath", "MERCURE_PUBLIC_PATH")),
    templates: templates ?? ["templates"],
    components: read.folders("components") ?? ["components"],
    environment: nunjucks,
    publisherJwt: read.string("publisherJwt", "MERCURE_PUBLISHER_JWT"),
    typeIsTopic: read.boolean("typeIsTopic", "MERCURE_TYPE_IS_TOPIC") ?? false,
    tokenMode:
      read.oneOf("tokenMode", ["url", "cookie"] as const, "MERCURE_TOKEN_MODE") ??
      (identity.protocol === 0 ? "url" : "cookie"),
    authorize: read.callback("authorize") as Authorize<Request> | undefined,
    renewalPath: read.path("renewalPath") ?? (identity.hubUrl === undefined ? `${path}/renewal` : "/mercure-renewal"),
    shareConnections: read.boolean("shareConnections") ?? true,
    maxStreamUrlBytes: read.number("maxStreamUrlBytes", { min: 0, integer: true }) ?? 8000,
    tokenLifetime: read.number("tokenLifetime", { min: 1 }) ?? 3600,
    payloadGetter: read.callback("payloadGetter") as MercureOptions["payloadGetter"],
    subjectGetter: read.callback("subjectGetter") as MercureOptions["subjectGetter"],
    presenceKey: (read.stringOrCallback("presenceKey") as PresenceKey | undefined) ?? "id",
    presenceGrace: read.number("presenceGrace", { min: 0, max: 86_400 }) ?? 5,
    htmx: read.oneOf("htmx", [2, 4] as const) ?? installedLine(),
    pauseHiddenAfter: read.number("pauseHiddenAfter", { min: 0, max: 86_400 }) ?? 0,
    swapStyles: read.strings("swapStyles") ?? [],
    assetsPath: read.path("assetsPath") ?? "/mercure-assets",
    development,
    logger,
    hub: hubSettings,
    transport,
    outbox: readOutboxOptions(read.object("outbox")),
  };
  read.refuseUnknown();
  hub.refuseUnknown();
  const { tokenMode, renewalPath } = configuration;
  if (identity.hubUrl === undefined && tokenMode === "cookie" && !renewalPath.startsWith(`${path}/`)) {
    throw invalidOption(
      "renewalPath",
      `must be below ${path}, because browsers send the cookies of streams only there`,
    );
  }
  return configuration;
}

/**
 * Derives the public prefix. A proxy strips it from all paths, so the path of `publicHubUrl` names it for all of them,
 * even in an absolute URL: the hub and the application have one server.
 */
function publicPaths({ hubUrl, publicHubUrl }: HubIdentity, hubPath: string, publicPath: string | undefined) {
  const isRelative = publicHubUrl.startsWith("/");
  const publicHubPath = isRelative ? publicHubUrl : new URL(publicHubUrl).pathname;
  const isOwnPath = hubUrl === undefined && publicHubPath.endsWith(hubPath);
  const prefix = isOwnPath ? publicHubPath.slice(0, -hubPath.length) : "";
  const isSame = isOwnPath && (publicPath ?? prefix) === prefix;
  return {
    publicPath: publicPath ?? prefix,
    publicHubUrl: isSame && isRelative ? hubPath : publicHubUrl,
    publicHubPath: isSame ? hubPath : new URL(publicHubUrl, "http://relative").pathname,
    isPublicPathFromHubUrl: publicPath === undefined && prefix !== "",
  };
}
