import type { Request } from "express";
import type { Environment } from "nunjucks";
import type { IssuerOptions } from "../hub/auth/issuers.js";
import { type HubLimit, type HubLimits, readHubLimits } from "../hub/limits/hub-limits.js";
import type { PresenceKey } from "../publisher/presence/presence.js";
import type { TokenMode } from "../publisher/publisher-options.js";
import type { Authorize } from "../publisher/streams/authorizer.js";
import { checkKeyLength } from "../shared/key-length.js";
import { keyVariables } from "../shared/key-variables.js";
import { guardedLogger, type Logger } from "../shared/logger.js";
import { madeSecret } from "../shared/made-secret.js";
import { invalidOption, OptionReader } from "../shared/option-reader.js";
import { type HubIdentity, resolveHubIdentity } from "./hub-identity.js";

/** Options of `mercure(app, options)`. An environment variable in a default applies when the option is absent. */
export interface MercureOptions {
  /** Folders of page templates, relative to the working directory. Default `templates`. Not with `environment`. */
  templates?: string | readonly string[] | undefined;
  /**
   * Folders of components: `Name.njk` files, also in sub-folders. Relative to the working directory. Default
   * `components`.
   */
  components?: string | readonly string[] | undefined;
  /**
   * An existing Nunjucks environment, with any delimiters. It must autoescape. Default: the kit makes one with the
   * delimiters `<% %>`.
   */
  environment?: Environment | undefined;
  /**
   * The key that signs and verifies tokens, at least 32 bytes. Default: `SECRET_KEY`. If it is missing too, development
   * stores a generated key below `node_modules/.cache`, and production throws `ERR_OPTION`.
   */
  secret?: string | undefined;
  /**
   * The key that signs and verifies publishers' tokens. Default: `MERCURE_PUBLISHER_JWT_KEY`, else
   * `MERCURE_PUBLISHER_SECRET_KEY`, else `secret`.
   */
  publisherSecretKey?: string | undefined;
  /**
   * The key that signs and verifies subscribers' tokens. Default: `MERCURE_SUBSCRIBER_JWT_KEY`, else
   * `MERCURE_SUBSCRIBER_SECRET_KEY`, else `secret`.
   */
  subscriberSecretKey?: string | undefined;
  /**
   * The Mercure version of the kit's own streams and tokens: `0` for 0.x, `1` for 1.0. Default: `MERCURE_PROTOCOL`,
   * else 0.
   */
  protocol?: 0 | 1 | undefined;
  /**
   * The URL of a hub in another process. `true` means a hub that a proxy serves at the host of each request; see
   * `trustedHosts`. A value turns off the hub in this process. Default: `MERCURE_HUB_URL`, else the hub in this
   * process.
   */
  hubUrl?: string | true | undefined;
  /**
   * The hosts that can receive updates and their tokens with `hubUrl: true`, such as `example.com`. The list is needed
   * because clients choose the host of a request. A host name means https; an origin can say http. Default:
   * `MERCURE_TRUSTED_HOSTS`. Production throws `ERR_OPTION`
   * without any. Development also trusts any port of this machine.
   */
  trustedHosts?: readonly string[] | string | undefined;
  /**
   * The token sent when publishing to a remote hub. Default: `MERCURE_PUBLISHER_JWT`, else made from
   * `publisherSecretKey`.
   */
  publisherJwt?: string | undefined;
  /**
   * The hub's URL for browsers. `true` means the hub's path at the host of the page. Default: `MERCURE_PUBLIC_HUB_URL`,
   * else `hubUrl`, else a relative URL.
   */
  publicHubUrl?: string | true | undefined;
  /**
   * The prefix that a proxy strips from the application's paths, such as `/app`. The URLs of the hub, scripts and
   * renewal begin with it, and so do cookie paths. `/` means no prefix. A trusted `X-Forwarded-Prefix` header takes
   * precedence. Default: `MERCURE_PUBLIC_PATH`, else the part of `publicHubUrl`'s path before the hub's path, else
   * empty.
   */
  publicPath?: string | undefined;
  /**
   * The issuer of the kit's Mercure 1.0 tokens: their claim `iss`. Default: `MERCURE_ISSUER`, else the origin of
   * `resource`, or `/` if `resource` is a path.
   */
  issuer?: string | undefined;
  /**
   * The audience of the kit's Mercure 1.0 tokens, their claim `aud`: the hub's public URL. It must equal the hub's own
   * `resource`. Default: `MERCURE_RESOURCE`, else `publicHubUrl` or `hubUrl` if that is an absolute URL, else the hub's
   * path.
   */
  resource?: string | undefined;
  /**
   * The name of the cookie that carries a browser's token. Cookies ignore ports, so applications on several ports of
   * one host must use different names if they call `sse.setAuthzCookie`. Default: `MERCURE_AUTHZ_COOKIE_NAME`, else
   * `mercureAuthorization` with Mercure 0.x and `__Secure-mercure_access_token` with 1.0.
   */
  authzCookieName?: string | undefined;
  /** The `Domain` attribute of that cookie. Default: `MERCURE_AUTHZ_COOKIE_DOMAIN`, else the host of the page alone. */
  authzCookieDomain?: string | undefined;
  /** Whether an update without a type uses its topic as its type. Default: `MERCURE_TYPE_IS_TOPIC`, else false. */
  typeIsTopic?: boolean | undefined;
  /**
   * The place of private streams' tokens. `"url"` puts them into the stream URLs in the markup; plain htmx needs that
   * with Mercure 0.x. `"cookie"` keeps them out of the markup. Default: `MERCURE_TOKEN_MODE`, else `"url"` with Mercure
   * 0.x and `"cookie"` with 1.0.
   */
  tokenMode?: TokenMode | undefined;
  /**
   * Decides whether a request may stream private topics. The kit calls it when it renders a page with private streams;
   * the answer must be synchronous there. The kit calls it again, and awaits the answer, when a stream renews its token
   * or connects with a token in a cookie. Default: absent, so every viewer of a page may stream its private topics.
   */
  authorize?: Authorize<Request> | undefined;
  /**
   * The path that renews the tokens of streams. Only used with `authorize`. Default: `/renewal` below the hub's path;
   * `/mercure-renewal` with `hubUrl`. With `tokenMode: "cookie"` and the hub in this process, it must be below the
   * hub's path.
   */
  renewalPath?: string | undefined;
  /**
   * The max length of a stream's URL, and of a token that is sent beside it, in bytes. Rendering a longer one throws.
   * Proxies accept about 8 KiB. Default 8000; 0 means unlimited.
   */
  maxStreamUrlBytes?: number | undefined;
  /** The lifetime of a private stream's token, in seconds; min 1. Default 3600. */
  tokenLifetime?: number | undefined;
  /**
   * Returns the payload of a stream's token, which other subscribers can see: any JSON value. It takes the stream's
   * topics and the current request, and must be synchronous. Default: absent, so tokens have no payload.
   */
  payloadGetter?: ((topics: readonly string[], request: Request | undefined) => unknown) | undefined;
  /**
   * Maps a request to the signed-in user's id, or to undefined if nobody is signed in. It must be synchronous. The id
   * becomes the subject of the request's tokens, so `sse.disconnect({ subject })` can end the user's streams. Default:
   * absent, so tokens have no subject.
   */
  subjectGetter?: ((request: Request) => string | undefined) | undefined;
  /**
   * The payload property that identifies a person, or a function that returns the identifier. A person with many
   * windows counts once. A payload that is a string or a number is itself the identifier. Default `id`.
   */
  presenceKey?: PresenceKey | undefined;
  /**
   * How long a person still counts as present after their last stream closes, in seconds; max 86,400. A reload within
   * it changes nothing. Default 5; 0 disables.
   */
  presenceGrace?: number | undefined;
  /** Swap styles of htmx extensions that `hx_swap` accepts as well. Default: empty. */
  swapStyles?: readonly string[] | undefined;
  /** The path of the kit's scripts and styles. Default `/mercure-assets`. */
  assetsPath?: string | undefined;
  /** Whether the kit watches templates and prints hints. Default: true unless `NODE_ENV` is `production`. */
  development?: boolean | undefined;
  /** Receives warnings and errors. Default `console`. */
  logger?: Logger | undefined;
  /**
   * Options of the hub in this process. With `hubUrl` only `allowAnonymous` applies, and `path` with `hubUrl: true`;
   * any other throws `ERR_OPTION`.
   */
  hub?: EmbeddedHubOptions | undefined;
}

/** Options of the hub in this process. */
export interface EmbeddedHubOptions extends HubLimits {
  /** The hub's path. With `hubUrl: true` it is the path that the proxy serves. Default `/.well-known/mercure`. */
  path?: string | undefined;
  /**
   * The Mercure versions that the hub supports: `0`, `1` or `"both"`. Tokens of other versions are invalid. The value
   * must include the kit's `protocol`. Default: `MERCURE_HUB_PROTOCOL`, else `"both"`.
   */
  protocol?: 0 | 1 | "both" | undefined;
  /** Further issuers whose tokens the hub trusts, such as authorization servers, with their keys. Default: empty. */
  issuers?: readonly IssuerOptions[] | undefined;
  /** Issuers that the hub's metadata names as sources of Mercure 1.0 tokens. Default: empty. */
  authorizationServers?: readonly string[] | string | undefined;
  /**
   * Whether subscribers without a token can connect, for public updates. Default: `MERCURE_HUB_ALLOW_ANONYMOUS`, else
   * true.
   */
  allowAnonymous?: boolean | undefined;
  /** Whether the hub accepts updates over HTTP. Default: `MERCURE_HUB_ALLOW_PUBLISH`, else false. */
  allowPublish?: boolean | undefined;
  /** Whether the hub reports active subscriptions. Default: `MERCURE_HUB_SUBSCRIPTIONS`, else true. */
  subscriptions?: boolean | undefined;
  /**
   * Other origins whose pages can use the hub (CORS). `*` means all, without cookies. Default:
   * `MERCURE_HUB_CORS_ORIGINS`, else empty.
   */
  corsOrigins?: readonly string[] | string | undefined;
  /** Other origins whose pages can publish with a cookie. Default: `MERCURE_HUB_PUBLISH_ORIGINS`, else empty. */
  publishOrigins?: readonly string[] | string | undefined;
  /** The max duration of a stream, in seconds. Default 3600; 0 means unlimited. */
  connectionLifetime?: number | undefined;
  /**
   * How far the clock of a token's issuer can be ahead, in seconds; max 300. 0 disables the tolerance. Default:
   * `MERCURE_HUB_CLOCK_TOLERANCE`, else 30.
   */
  clockTolerance?: number | undefined;
  /** Seconds between keep-alive comments; 0 disables them. Default: `MERCURE_HUB_KEEPALIVE_INTERVAL`, else 15. */
  keepaliveInterval?: number | undefined;
  /**
   * The max number of updates that the hub keeps for replay, per topic. Default: `MERCURE_HUB_RECONCILIATION_LENGTH`,
   * else 500.
   */
  reconciliationLength?: number | undefined;
  /** The max size of all updates that the hub keeps for replay, in bytes. Default 64 MiB. */
  maxHistoryBytes?: number | undefined;
}

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
  readonly maxStreamUrlBytes: number;
  readonly tokenLifetime: number;
  readonly payloadGetter: MercureOptions["payloadGetter"];
  readonly subjectGetter: MercureOptions["subjectGetter"];
  readonly presenceKey: PresenceKey;
  readonly presenceGrace: number;
  readonly swapStyles: readonly string[];
  readonly assetsPath: string;
  readonly publicPath: string;
  /** Whether `publicPath` comes from `publicHubUrl`. */
  readonly isPublicPathFromHubUrl: boolean;
  readonly development: boolean;
  readonly logger: Logger;
  readonly hub: Readonly<Record<HubLimit, number>> & {
    readonly path: string;
    readonly protocol: 0 | 1 | "both";
    readonly issuers: readonly IssuerOptions[] | undefined;
    readonly authorizationServers: readonly string[];
    readonly allowAnonymous: boolean;
    readonly allowPublish: boolean;
    readonly subscriptions: boolean;
    readonly corsOrigins: readonly string[];
    readonly publishOrigins: readonly string[];
    readonly connectionLifetime: number;
    readonly clockTolerance: number;
    readonly keepaliveInterval: number;
    readonly reconciliationLength: number;
    readonly maxHistoryBytes: number;
  };
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
    throw invalidOption("templates", "cannot be combined with environment, which has loaders of its own");
  }
  const path = hub.path("path") ?? "/.well-known/mercure";
  const identity = resolveHubIdentity(read, options, path, development);
  const hubProtocol = hub.oneOf("protocol", [0, 1, "both"] as const, "MERCURE_HUB_PROTOCOL") ?? "both";
  if (identity.hubUrl === undefined && hubProtocol !== "both" && hubProtocol !== identity.protocol) {
    throw invalidOption(
      "hub.protocol",
      `is ${hubProtocol}, so that the hub would refuse the kit's own tokens and streams`,
    );
  }
  const secret = read.key("secret", ["SECRET_KEY"]);
  const publisherSecretKey = read.key("publisherSecretKey", keyVariables.publisher);
  const subscriberSecretKey = read.key("subscriberSecretKey", keyVariables.subscriber);
  const needsSecret = publisherSecretKey === undefined || subscriberSecretKey === undefined;
  const shared = needsSecret ? (secret ?? madeSecret(identity.hubUrl, development, logger)) : "";
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
    maxStreamUrlBytes: read.number("maxStreamUrlBytes", { min: 0, integer: true }) ?? 8000,
    tokenLifetime: read.number("tokenLifetime", { min: 1 }) ?? 3600,
    payloadGetter: read.callback("payloadGetter") as MercureOptions["payloadGetter"],
    subjectGetter: read.callback("subjectGetter") as MercureOptions["subjectGetter"],
    presenceKey: (read.stringOrCallback("presenceKey") as PresenceKey | undefined) ?? "id",
    presenceGrace: read.number("presenceGrace", { min: 0, max: 86_400 }) ?? 5,
    swapStyles: read.strings("swapStyles") ?? [],
    assetsPath: read.path("assetsPath") ?? "/mercure-assets",
    development,
    logger,
    hub: {
      ...readHubLimits(hub),
      path,
      protocol: hubProtocol,
      issuers: hub.object("issuers") as readonly IssuerOptions[] | undefined,
      authorizationServers: hub.strings("authorizationServers") ?? [],
      allowAnonymous: hub.boolean("allowAnonymous", "MERCURE_HUB_ALLOW_ANONYMOUS") ?? true,
      allowPublish: hub.boolean("allowPublish", "MERCURE_HUB_ALLOW_PUBLISH") ?? false,
      subscriptions: hub.boolean("subscriptions", "MERCURE_HUB_SUBSCRIPTIONS") ?? true,
      corsOrigins: hub.corsOrigins("corsOrigins", "MERCURE_HUB_CORS_ORIGINS") ?? [],
      publishOrigins: hub.origins("publishOrigins", "MERCURE_HUB_PUBLISH_ORIGINS") ?? [],
      connectionLifetime: hub.number("connectionLifetime", { min: 0 }) ?? 3600,
      clockTolerance: hub.number("clockTolerance", { min: 0, max: 300 }, "MERCURE_HUB_CLOCK_TOLERANCE") ?? 30,
      keepaliveInterval:
        hub.number("keepaliveInterval", { min: 0, max: 86_400 }, "MERCURE_HUB_KEEPALIVE_INTERVAL") ?? 15,
      reconciliationLength:
        hub.number("reconciliationLength", { min: 0, integer: true }, "MERCURE_HUB_RECONCILIATION_LENGTH") ?? 500,
      maxHistoryBytes: hub.number("maxHistoryBytes", { min: 0, integer: true }) ?? 64 * 1024 * 1024,
    },
  };
  read.refuseUnknown();
  hub.refuseUnknown();
  const { tokenMode, renewalPath } = configuration;
  if (identity.hubUrl === undefined && tokenMode === "cookie" && !renewalPath.startsWith(`${path}/`)) {
    throw invalidOption(
      "renewalPath",
      `must be below ${path}, since browsers send the cookies of streams nowhere else`,
    );
  }
  return configuration;
}

/**
 * Derives the public prefix. A proxy strips it from all paths, so a path in `publicHubUrl` names it for all of them.
 */
function publicPaths({ hubUrl, publicHubUrl }: HubIdentity, hubPath: string, publicPath: string | undefined) {
  const isOwnPath = hubUrl === undefined && publicHubUrl.startsWith("/") && publicHubUrl.endsWith(hubPath);
  const prefix = isOwnPath ? publicHubUrl.slice(0, -hubPath.length) : "";
  const isSame = isOwnPath && (publicPath ?? prefix) === prefix;
  return {
    publicPath: publicPath ?? prefix,
    publicHubUrl: isSame ? hubPath : publicHubUrl,
    isPublicPathFromHubUrl: publicPath === undefined && prefix !== "",
  };
}
