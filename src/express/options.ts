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
import { impossible, OptionReader } from "../shared/option-reader.js";
import { type HubIdentity, resolveHubIdentity } from "./hub-identity.js";

export interface MercureOptions {
  /** Folders of page templates, relative to the working directory. Default `templates`. Not with `environment`. */
  templates?: string | readonly string[] | undefined;
  /** Folders whose `Name.njk` files, sub-folders included, are components. Default `components`. */
  components?: string | readonly string[] | undefined;
  /** An existing Nunjucks environment, with any delimiters; it must autoescape. Default: the kit makes one with `<% %>`. */
  environment?: Environment | undefined;
  /**
   * The key that signs and verifies tokens, at least 32 bytes. Default: environment variable `SECRET_KEY`. Without one,
   * development keeps one below `node_modules/.cache`, and production refuses to start.
   */
  secret?: string | undefined;
  /**
   * The key of publishers' tokens. Default: `MERCURE_PUBLISHER_JWT_KEY`, else `MERCURE_PUBLISHER_SECRET_KEY`, else
   * `secret`.
   */
  publisherSecretKey?: string | undefined;
  /**
   * The key of subscribers' tokens. Default: `MERCURE_SUBSCRIBER_JWT_KEY`, else `MERCURE_SUBSCRIBER_SECRET_KEY`, else
   * `secret`.
   */
  subscriberSecretKey?: string | undefined;
  /** Which generation of Mercure the kit's own streams and tokens speak: `0` or `1`. Default: `MERCURE_PROTOCOL`, else 0. */
  protocol?: 0 | 1 | undefined;
  /**
   * The URL of a hub in another process, or `true` for one that a proxy serves at the host of each request, see
   * `trustedHosts`. Default: `MERCURE_HUB_URL`, else the hub in this process, which is off with it.
   */
  hubUrl?: string | true | undefined;
  /**
   * With `hubUrl: true`, the hosts to which updates and their tokens may be sent, such as `example.com`: whoever makes a
   * request chooses its host. Https is meant unless an origin says otherwise. Default: `MERCURE_TRUSTED_HOSTS`; in
   * development any port of this machine too.
   */
  trustedHosts?: readonly string[] | string | undefined;
  /** The token sent when publishing to a remote hub. Default: `MERCURE_PUBLISHER_JWT`, else made from `publisherSecretKey`. */
  publisherJwt?: string | undefined;
  /**
   * The hub's URL as browsers reach it; `true` for its path at the host of the page. Default: `MERCURE_PUBLIC_HUB_URL`,
   * else `hubUrl`, else a relative URL.
   */
  publicHubUrl?: string | true | undefined;
  /**
   * The prefix that a proxy strips from the paths of the application, such as `/app`: all URLs of hub, scripts, renewal
   * and cookies begin with it; `/` for no prefix. A trusted `X-Forwarded-Prefix` wins. Default: `MERCURE_PUBLIC_PATH`,
   * else what a path in `publicHubUrl` has before the path of the hub, else empty.
   */
  publicPath?: string | undefined;
  /**
   * Who issues the kit's tokens of Mercure 1.0: their claim `iss`. Default: `MERCURE_ISSUER`, else the origin of
   * `resource`; `/` where that is a path.
   */
  issuer?: string | undefined;
  /**
   * What these tokens are for, their claim `aud`: the hub's public URL, as the hub itself is told. Default:
   * `MERCURE_RESOURCE`, else `publicHubUrl` or `hubUrl`, if it is a whole URL; else the path of the hub.
   */
  resource?: string | undefined;
  /**
   * The cookie in which browsers present a token. Cookies ignore ports: applications on ports of one host that call
   * `sse.setAuthzCookie` need different names. Default: `MERCURE_AUTHZ_COOKIE_NAME`, else `mercureAuthorization` with
   * Mercure 0.x and `__Secure-mercure_access_token` with 1.0.
   */
  authzCookieName?: string | undefined;
  /** The domain for which that cookie is set. Default: `MERCURE_AUTHZ_COOKIE_DOMAIN`, else the host of the page alone. */
  authzCookieDomain?: string | undefined;
  /** Whether an update without a type has its topic as type. Default: `MERCURE_TYPE_IS_TOPIC`, else false. */
  typeIsTopic?: boolean | undefined;
  /**
   * Where the tokens of private streams are: `"url"`, in the URLs of their markup, as plain htmx needs with Mercure 0.x,
   * or `"cookie"`, in no markup at all. Default: `MERCURE_TOKEN_MODE`, else `"url"` with Mercure 0.x, `"cookie"` with 1.0.
   */
  tokenMode?: TokenMode | undefined;
  /**
   * Says who may stream what: asked when a page with private streams is rendered, at once, and when a stream gets a new
   * token or comes to the hub with one in a cookie, where it is awaited. Default none: whoever gets the page may.
   */
  authorize?: Authorize<Request> | undefined;
  /**
   * The path at which streams get new tokens, with `authorize`. Default: `/renewal` below the path of the hub; with
   * `hubUrl`, `/mercure-renewal`.
   */
  renewalPath?: string | undefined;
  /**
   * How long the URL of a stream may be, and a token that is sent beside it, in bytes; a page with a longer one is an
   * error. Proxies take about 8 KiB. Default 8000; 0 for any length.
   */
  maxStreamUrlBytes?: number | undefined;
  /** How long a token of a private stream is valid, in seconds. Default 3600. */
  tokenLifetime?: number | undefined;
  /**
   * Gives what the tokens of streams say of their bearer to other subscribers: for the topics of a stream and the request
   * that is under way, at once, anything that JSON holds. Default none: tokens say nothing.
   */
  payloadGetter?: ((topics: readonly string[], request: Request | undefined) => unknown) | undefined;
  /**
   * Gives whose a request is: the id of who is signed in, at once, or undefined for nobody. It is the subject of the
   * tokens that are made for the request, by which `sse.disconnect({ subject })` ends streams. Default none: tokens have
   * no subject.
   */
  subjectGetter?: ((request: Request) => string | undefined) | undefined;
  /**
   * By which property of their payload people are recognised, so that one with many windows counts once; or a function
   * of the payload. A payload that is a string or a number is its bearer's name itself. Default `id`.
   */
  presenceKey?: PresenceKey | undefined;
  /** For how long somebody without a stream is still there, in seconds, so that a reload changes nothing. Default 5. */
  presenceGrace?: number | undefined;
  /** Names of further swap styles, of htmx extensions, that `hx_swap` accepts. Default none. */
  swapStyles?: readonly string[] | undefined;
  /** The path under which the kit serves its scripts and styles. Default `/mercure-assets`. */
  assetsPath?: string | undefined;
  /** Whether templates are watched and hints are printed. Default: `NODE_ENV` is not `production`. */
  development?: boolean | undefined;
  /** Where warnings and errors go. Default `console`. */
  logger?: Logger | undefined;
  /** Options of the hub inside the process. */
  hub?: EmbeddedHubOptions | undefined;
}

export interface EmbeddedHubOptions extends HubLimits {
  /** The path at which the hub is served, by the kit or, with `hubUrl: true`, by the proxy. Default `/.well-known/mercure`. */
  path?: string | undefined;
  /**
   * Which generations of Mercure the hub speaks: `0`, `1` or `"both"`; the tokens of another are invalid. It must speak
   * that of the option `protocol`. Default: `MERCURE_HUB_PROTOCOL`, else `"both"`.
   */
  protocol?: 0 | 1 | "both" | undefined;
  /** Further keys: of authorization servers and of others whose tokens the hub trusts. Default none. */
  issuers?: readonly IssuerOptions[] | undefined;
  /** Issuers that clients can turn to for a token of Mercure 1.0, for the hub's metadata. Default none. */
  authorizationServers?: readonly string[] | string | undefined;
  /** Whether subscribers without a token may connect. Default: `MERCURE_HUB_ALLOW_ANONYMOUS`, else true. */
  allowAnonymous?: boolean | undefined;
  /** Whether updates may be published over HTTP. Default: `MERCURE_HUB_ALLOW_PUBLISH`, else false. */
  allowPublish?: boolean | undefined;
  /** Whether the hub tells of active subscriptions. Default: `MERCURE_HUB_SUBSCRIPTIONS`, else true. */
  subscriptions?: boolean | undefined;
  /** Origins whose pages may use the hub from elsewhere. Default: `MERCURE_HUB_CORS_ORIGINS`, else none. */
  corsOrigins?: readonly string[] | string | undefined;
  /** Other origins whose pages may publish by cookie. Default: `MERCURE_HUB_PUBLISH_ORIGINS`, else none. */
  publishOrigins?: readonly string[] | string | undefined;
  /** The longest time for which a stream is open, in seconds; 0 for no end. Default 3600. */
  connectionLifetime?: number | undefined;
  /**
   * How far the clock of an issuer of tokens may be ahead, in seconds, at most 300; 0 for none. Default:
   * `MERCURE_HUB_CLOCK_TOLERANCE`, else 30.
   */
  clockTolerance?: number | undefined;
  /** Seconds between keep-alive comments; 0 disables. Default: `MERCURE_HUB_KEEPALIVE_INTERVAL`, else 15. */
  keepaliveInterval?: number | undefined;
  /** How many updates of each topic are kept for replay. Default: `MERCURE_HUB_RECONCILIATION_LENGTH`, else 500. */
  reconciliationLength?: number | undefined;
  /** How many bytes of updates are kept for replay in all. Default 64 MiB. */
  historyBytes?: number | undefined;
}

/** The options, resolved once: nothing reads the environment after this. */
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
  /** Whether `publicHubUrl` says what `publicPath` is. */
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
    readonly historyBytes: number;
  };
}

/**
 * Resolves options and environment into one configuration.
 *
 * @throws MercureError `ERR_OPTION` for an unknown or impossible option, naming it.
 */
export function resolveOptions(options: MercureOptions = {}, environment = process.env): Configuration {
  const read = new OptionReader(options, "", environment);
  const hub = new OptionReader(read.object("hub"), "hub.", environment);
  const development = read.boolean("development") ?? environment.NODE_ENV !== "production";
  const logger = guardedLogger(read.logger("logger") ?? console);
  const nunjucks = read.object("environment") as Environment | undefined;
  const templates = read.folders("templates");
  if (nunjucks !== undefined && templates !== undefined) {
    throw impossible("templates", "cannot be combined with environment, which has loaders of its own");
  }
  const path = hub.path("path") ?? "/.well-known/mercure";
  const identity = resolveHubIdentity(read, options, path, development);
  const hubProtocol = hub.oneOf("protocol", [0, 1, "both"] as const, "MERCURE_HUB_PROTOCOL") ?? "both";
  if (identity.hubUrl === undefined && hubProtocol !== "both" && hubProtocol !== identity.protocol) {
    throw impossible(
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
    maxStreamUrlBytes: read.number("maxStreamUrlBytes", { least: 0, whole: true }) ?? 8000,
    tokenLifetime: read.number("tokenLifetime", { least: 1 }) ?? 3600,
    payloadGetter: read.callback("payloadGetter") as MercureOptions["payloadGetter"],
    subjectGetter: read.callback("subjectGetter") as MercureOptions["subjectGetter"],
    presenceKey: (read.stringOrCallback("presenceKey") as PresenceKey | undefined) ?? "id",
    presenceGrace: read.number("presenceGrace", { least: 0, most: 86_400 }) ?? 5,
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
      connectionLifetime: hub.number("connectionLifetime", { least: 0 }) ?? 3600,
      clockTolerance: hub.number("clockTolerance", { least: 0, most: 300 }, "MERCURE_HUB_CLOCK_TOLERANCE") ?? 30,
      keepaliveInterval:
        hub.number("keepaliveInterval", { least: 0, most: 86_400 }, "MERCURE_HUB_KEEPALIVE_INTERVAL") ?? 15,
      reconciliationLength:
        hub.number("reconciliationLength", { least: 0, whole: true }, "MERCURE_HUB_RECONCILIATION_LENGTH") ?? 500,
      historyBytes: hub.number("historyBytes", { least: 0, whole: true }) ?? 64 * 1024 * 1024,
    },
  };
  read.refuseUnknown();
  hub.refuseUnknown();
  const { tokenMode, renewalPath } = configuration;
  if (identity.hubUrl === undefined && tokenMode === "cookie" && !renewalPath.startsWith(`${path}/`)) {
    throw impossible("renewalPath", `must be below ${path}, since browsers send the cookies of streams nowhere else`);
  }
  return configuration;
}

/** A proxy that strips a prefix strips it from all paths, so that a path in `publicHubUrl` names it for all. */
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
