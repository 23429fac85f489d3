import type { IncomingMessage } from "node:http";
import { defaultHubPath } from "../protocol/draft.js";
import type { Protocol } from "../protocol/matching/subscription-parameters.js";
import { checkKeyLength } from "../shared/key-length.js";
import { guardedLogger, type Logger } from "../shared/logger.js";
import { invalidOption, OptionReader } from "../shared/option-reader.js";
import type { Transport } from "../transport/transport.js";
import { type IssuerOptions, refusePem, resolveIssuers } from "./auth/issuers.js";
import { type HubLimits, matcherLimitsOf, readHubLimits, tokenLimitsOf } from "./limits/hub-limits.js";
import type { HubObserver } from "./observer.js";
import { missedIntervals } from "./streams/peer-watch.js";

export interface HubOptions extends HubLimits {
  /** Stores the updates. The code that created it must close it, after the hub. */
  readonly transport: Transport;
  /** The path of the hub's URL. Default `/.well-known/mercure`. */
  readonly path?: string | undefined;
  /** The generations of Mercure that the hub speaks with subscribers: `0`, `1` or `"both"`. Default `"both"`. */
  readonly protocol?: Protocol | undefined;
  /** The key of subscribers' tokens, for HS256. Default none: without `issuers` too, the hub rejects every token. */
  readonly subscriberKey?: string | undefined;
  /** The key of publishers' tokens, for HS256. Required with `allowPublish`. */
  readonly publisherKey?: string | undefined;
  /** Additional keys, of authorization servers and other trusted token issuers. Default none. */
  readonly issuers?: readonly IssuerOptions[] | undefined;
  /**
   * The issuer (the claim `iss`) of the Mercure 1.0 tokens that `subscriberKey` and `publisherKey` sign. Default: the
   * origin of `resource`, or `/` without one.
   */
  readonly issuer?: string | undefined;
  /**
   * The max lead of an issuer's clock over the hub's, in seconds. The hub rejects a token whose `nbf` or `iat` is
   * further in the future. At most 300. Default 30; 0 for none.
   */
  readonly clockTolerance?: number | undefined;
  /** Whether the hub accepts keys that are too short, with a warning. Default: `NODE_ENV` is not `production`. */
  readonly development?: boolean | undefined;
  /**
   * The hub's URL as clients see it, absolute or a path. Mercure 1.0 tokens must name it in their claim `aud`. Relative
   * URL patterns and topics resolve against it, and the hub's own topics begin with its path. Default `path`,
   * sufficient for tokens that the application issues to its own hub. With the default the hub publishes no metadata,
   * and patterns that name a host match no relative topics.
   */
  readonly resource?: string | undefined;
  /**
   * The name of the cookie that carries a browser's token. Default `__Secure-mercure_access_token`, as Mercure 1.0
   * defines it; without that cookie the hub reads `mercureAuthorization`.
   */
  readonly cookieName?: string | undefined;
  /**
   * Other origins whose pages can use the hub, with their visitors' cookies. `*` admits all other origins, without
   * cookies. Default none: the hub sends no CORS headers.
   */
  readonly corsOrigins?: readonly string[] | string | undefined;
  /** Origins, besides the hub's own, whose pages can publish with a token in a cookie. Default none. */
  readonly publishOrigins?: readonly string[] | string | undefined;
  /** Issuers of Mercure 1.0 tokens for clients, listed in the hub's metadata. Default none. */
  readonly authorizationServers?: readonly string[] | string | undefined;
  /**
   * The max duration of a stream, in seconds. Each stream ends up to a fifth earlier, at random, and its client
   * reconnects with a valid token. Default 3600; 0 for unlimited.
   */
  readonly connectionLifetime?: number | undefined;
  /** Whether subscribers without a token can connect; they receive public updates only. Default true. */
  readonly allowAnonymous?: boolean | undefined;
  /**
   * Checks what a token in a cookie still grants, because browsers send cookies by themselves. The hub calls it with
   * private topics of each stream, and with the path of each subscription list. Anything but true withdraws the grant.
   * Default none: the cookie is enough.
   */
  readonly authorize?:
    | ((request: IncomingMessage, topics: readonly string[]) => boolean | Promise<boolean>)
    | undefined;
  /** Whether clients can publish updates over HTTP. Default false. */
  readonly allowPublish?: boolean | undefined;
  /** The interval of the comments that keep idle connections open, in seconds. Default 15; 0 sends none. */
  readonly keepaliveInterval?: number | undefined;
  /**
   * Whether the hub publishes active subscriptions, as events and by its web API below `/subscriptions`. Default true.
   */
  readonly subscriptions?: boolean | undefined;
  /** The logger of the hub's internal failures, which clients never see. Default `console`. */
  readonly logger?: Logger | undefined;
  /** The observer of subscribers and updates, for metrics. The hub logs its errors. Default none. */
  readonly observer?: HubObserver | undefined;
}

/** The options with every default filled in. */
export type HubSettings = ReturnType<typeof resolveHubOptions>;

/** The max interval, in seconds: Node's longest timer must hold all the intervals that a peer can miss. */
const maxInterval = Math.floor((2 ** 31 - 1) / 1000 / missedIntervals);

/** @throws MercureError `ERR_OPTION` for an unknown or impossible option. */
export function resolveHubOptions(options: HubOptions) {
  const read = new OptionReader(options, "", {});
  const path = read.path("path") ?? defaultHubPath;
  const resource = read.identifier("resource");
  const origin = originOf(resource);
  // A resource without a path names the hub's origin, but not its path there.
  const hubUrl = resource === undefined || pathOf(resource) === "" ? path : resource;
  const limits = readHubLimits(read);
  const settings = {
    transport: read.object("transport") as Transport,
    path,
    protocol: read.oneOf("protocol", [0, 1, "both"] as const) ?? ("both" as const),
    /** An absolute URL, with a placeholder host if the origin is unknown. */
    hubUrl: new URL(hubUrl, origin ?? "https://hub.invalid").href,
    /** The hub's URL as clients see it, behind any proxy. Undefined if the hub does not know its origin. */
    publicUrl: origin === undefined ? undefined : new URL(hubUrl, origin).href,
    publicPath: pathOf(hubUrl),
    matcherLimits: matcherLimitsOf(limits),
    memoryBounds: { total: limits.maxSubscriptionBytes, perAddress: limits.maxSubscriptionBytesPerAddress },
    maxQueryBytes: limits.maxQueryBytes,
    issuers: resolveIssuers(read.object("issuers")),
    issuer: read.string("issuer") ?? origin ?? "/",
    clockTolerance: read.number("clockTolerance", { min: 0, max: 300 }) ?? 30,
    development: read.boolean("development") ?? process.env.NODE_ENV !== "production",
    resource: resource ?? path,
    tokenLimits: tokenLimitsOf(limits),
    subscriberKey: read.string("subscriberKey"),
    publisherKey: read.string("publisherKey"),
    cookieName: read.string("cookieName"),
    corsOrigins: read.corsOrigins("corsOrigins") ?? [],
    publishOrigins: read.origins("publishOrigins") ?? [],
    authorizationServers: read.strings("authorizationServers") ?? [],
    connectionBounds: {
      total: limits.maxConnections,
      perAddress: limits.maxConnectionsPerAddress,
      perSubject: limits.maxConnectionsPerSubject,
    },
    connectionLifetime: read.number("connectionLifetime", { min: 0 }) ?? 3600,
    maxBacklogBytes: limits.maxBacklogBytes,
    allowAnonymous: read.boolean("allowAnonymous") ?? true,
    authorize: read.callback("authorize") as HubOptions["authorize"],
    allowPublish: read.boolean("allowPublish") ?? false,
    publishLimits: {
      bytes: limits.maxPublishBytes,
      topics: limits.maxPublishTopics,
      fieldLength: limits.maxPublishFieldLength,
    },
    keepaliveInterval: read.number("keepaliveInterval", { min: 0, max: maxInterval }) ?? 15,
    subscriptions: read.boolean("subscriptions") ?? true,
    logger: guardedLogger(read.logger("logger") ?? console),
    observer: read.object("observer") as HubObserver | undefined,
  };
  read.refuseUnknown();
  checkTogether(settings);
  return settings;
}

/** Rejects options that are valid alone but invalid together. */
function checkTogether(settings: HubSettings): void {
  const { transport, issuers, subscriberKey, publisherKey, allowPublish, allowAnonymous, development, logger } =
    settings;
  if (transport === undefined) throw invalidOption("transport", "is missing; new MemoryTransport() is one");
  refusePem(subscriberKey, "subscriberKey");
  refusePem(publisherKey, "publisherKey");
  for (const key of new Set([subscriberKey, publisherKey])) {
    if (key !== undefined) checkKeyLength(key, development, logger);
  }
  if (allowPublish && publisherKey === undefined && issuers.every(({ role }) => role === "subscriber")) {
    throw invalidOption("publisherKey", "is missing; without it nobody could publish, although allowPublish is set");
  }
  if (!allowAnonymous && subscriberKey === undefined && issuers.every(({ role }) => role === "publisher")) {
    throw invalidOption("subscriberKey", "is missing; without it nobody could subscribe, since allowAnonymous is off");
  }
}

/** Returns the path of a URL without its trailing slash; the root is empty. */
function pathOf(url: string): string {
  return new URL(url, "https://hub.invalid").pathname.replace(/\/$/, "");
}

function originOf(url: string | undefined): string | undefined {
  return url !== undefined && /^https?:/i.test(url) && URL.canParse(url) ? new URL(url).origin : undefined;
}
