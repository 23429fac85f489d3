import type { IncomingMessage } from "node:http";
import { defaultHubPath } from "../protocol/draft.js";
import type { Protocol } from "../protocol/matching/subscription-parameters.js";
import { checkKeyLength } from "../shared/key-length.js";
import { guardedLogger, type Logger } from "../shared/logger.js";
import { impossible, OptionReader } from "../shared/option-reader.js";
import type { Transport } from "../transport/transport.js";
import { type IssuerOptions, refusePem, resolveIssuers } from "./auth/issuers.js";
import { type HubLimits, matcherLimitsOf, readHubLimits, tokenLimitsOf } from "./limits/hub-limits.js";
import type { HubObserver } from "./observer.js";
import { missedIntervals } from "./streams/peer-watch.js";

export interface HubOptions extends HubLimits {
  /** Holds the updates. Whoever made it closes it, after the hub. */
  readonly transport: Transport;
  /** The path of the hub's URL. Default `/.well-known/mercure`. */
  readonly path?: string | undefined;
  /** Which generations of Mercure the hub speaks with subscribers: `0`, `1` or `"both"`. Default `"both"`. */
  readonly protocol?: Protocol | undefined;
  /** The key of subscribers' tokens, for HS256. Default none: whoever presents a token is refused. */
  readonly subscriberKey?: string | undefined;
  /** The key of publishers' tokens, for HS256. Needed with `allowPublish`. */
  readonly publisherKey?: string | undefined;
  /** Further keys: of authorization servers and of others whose tokens the hub trusts. Default none. */
  readonly issuers?: readonly IssuerOptions[] | undefined;
  /**
   * Who issues the tokens of Mercure 1.0 that `subscriberKey` and `publisherKey` sign: their claim `iss`. Default: the
   * origin of `resource`, or `/` without one.
   */
  readonly issuer?: string | undefined;
  /**
   * How far the clock of an issuer may be ahead of the hub's, in seconds: a token whose `nbf` or `iat` is further in the
   * future is refused. At most 300. Default 30; 0 for none.
   */
  readonly clockTolerance?: number | undefined;
  /**
   * Whether keys that are too short are let through with a warning. Default: `NODE_ENV` is not `production`.
   */
  readonly development?: boolean | undefined;
  /**
   * The hub's URL as clients see it, absolute or a path: what tokens of Mercure 1.0 must name in their claim `aud`, what
   * relative URL patterns and topics are resolved against, and with whose path the hub's own topics begin. Default `path`, which does for tokens that an application
   * makes for its own hub; then the hub publishes no metadata, and patterns that name a host match no relative topics.
   */
  readonly resource?: string | undefined;
  /**
   * The cookie in which browsers present their token. Default `__Secure-mercure_access_token`, as Mercure 1.0 has it,
   * and without that `mercureAuthorization`.
   */
  readonly cookieName?: string | undefined;
  /**
   * Origins whose pages may use the hub from elsewhere, with their visitors' cookies; `*` lets in all others without
   * cookies. Default none: the hub sends no headers of CORS.
   */
  readonly corsOrigins?: readonly string[] | string | undefined;
  /** Origins, besides the hub's own, whose pages may publish with a token in a cookie. Default none. */
  readonly publishOrigins?: readonly string[] | string | undefined;
  /** Issuers that clients can turn to for a token of Mercure 1.0, for the hub's metadata. Default none. */
  readonly authorizationServers?: readonly string[] | string | undefined;
  /**
   * The longest time for which a stream is open, in seconds. Each ends up to a fifth earlier, at random, and its client
   * comes back with a token that still does. Default 3600; 0 for no end.
   */
  readonly connectionLifetime?: number | undefined;
  /** Whether subscribers without a token may connect; they receive public updates only. Default true. */
  readonly allowAnonymous?: boolean | undefined;
  /**
   * Asked for each stream, and each list of subscriptions, whose token is in a cookie, which the browser sends by itself:
   * whether it may still be opened, and for which topics it grants anything private. Default none: the cookie is enough.
   */
  readonly authorize?:
    | ((request: IncomingMessage, topics: readonly string[]) => boolean | Promise<boolean>)
    | undefined;
  /** Whether updates may be published over HTTP. Default false. */
  readonly allowPublish?: boolean | undefined;
  /** Seconds between the comments that keep idle connections open. Default 15; 0 sends none. */
  readonly keepaliveInterval?: number | undefined;
  /**
   * Whether the hub tells of active subscriptions: by events, and by its web API below `/subscriptions`. Default true.
   */
  readonly subscriptions?: boolean | undefined;
  /** Where the hub reports failures of its own, which clients never see. Default `console`. */
  readonly logger?: Logger | undefined;
  /** Who is told of subscribers and updates, for metrics. An error of it is logged. Default nobody. */
  readonly observer?: HubObserver | undefined;
}

/** The options with every default filled in. */
export type HubSettings = ReturnType<typeof resolveHubOptions>;

/** The longest interval, in seconds: a timer of Node takes the few that a peer is waited for. */
const longestInterval = Math.floor((2 ** 31 - 1) / 1000 / missedIntervals);

/** @throws MercureError `ERR_OPTION` for an unknown or impossible option. */
export function resolveHubOptions(options: HubOptions) {
  const read = new OptionReader(options, "", {});
  const path = read.path("path") ?? defaultHubPath;
  const resource = read.identifier("resource");
  const origin = originOf(resource);
  // One without a path names the hub, and does not say where at its origin it is.
  const hubUrl = resource === undefined || pathOf(resource) === "" ? path : resource;
  const limits = readHubLimits(read);
  const settings = {
    transport: read.object("transport") as Transport,
    path,
    protocol: read.oneOf("protocol", [0, 1, "both"] as const) ?? ("both" as const),
    /** Absolute, if need be at a host that does not exist. */
    hubUrl: new URL(hubUrl, origin ?? "https://hub.invalid").href,
    /** The hub's URL as clients see it, behind whatever proxy; undefined when the hub was not told its origin. */
    publicUrl: origin === undefined ? undefined : new URL(hubUrl, origin).href,
    publicPath: pathOf(hubUrl),
    matcherLimits: matcherLimitsOf(limits),
    memoryBounds: { total: limits.maxSubscriptionBytes, perAddress: limits.maxSubscriptionBytesPerAddress },
    queryLimit: limits.queryLimit,
    issuers: resolveIssuers(read.object("issuers")),
    issuer: read.string("issuer") ?? origin ?? "/",
    clockTolerance: read.number("clockTolerance", { least: 0, most: 300 }) ?? 30,
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
    connectionLifetime: read.number("connectionLifetime", { least: 0 }) ?? 3600,
    maxBacklogBytes: limits.maxBacklogBytes,
    allowAnonymous: read.boolean("allowAnonymous") ?? true,
    authorize: read.callback("authorize") as HubOptions["authorize"],
    allowPublish: read.boolean("allowPublish") ?? false,
    publishLimits: {
      bytes: limits.publishLimit,
      topics: limits.maxPublishTopics,
      fieldLength: limits.maxPublishFieldLength,
    },
    keepaliveInterval: read.number("keepaliveInterval", { least: 0, most: longestInterval }) ?? 15,
    subscriptions: read.boolean("subscriptions") ?? true,
    logger: guardedLogger(read.logger("logger") ?? console),
    observer: read.object("observer") as HubObserver | undefined,
  };
  read.refuseUnknown();
  checkTogether(settings);
  return settings;
}

/** What is possible by itself, but not with the rest. */
function checkTogether(settings: HubSettings): void {
  const { transport, issuers, subscriberKey, publisherKey, allowPublish, allowAnonymous, development, logger } =
    settings;
  if (transport === undefined) throw impossible("transport", "is missing; new MemoryTransport() is one");
  refusePem(subscriberKey, "subscriberKey");
  refusePem(publisherKey, "publisherKey");
  for (const key of new Set([subscriberKey, publisherKey])) {
    if (key !== undefined) checkKeyLength(key, development, logger);
  }
  if (allowPublish && publisherKey === undefined && issuers.every(({ role }) => role === "subscriber")) {
    throw impossible("publisherKey", "is missing; without it nobody could publish, although allowPublish is set");
  }
  if (!allowAnonymous && subscriberKey === undefined && issuers.every(({ role }) => role === "publisher")) {
    throw impossible("subscriberKey", "is missing; without it nobody could subscribe, since allowAnonymous is off");
  }
}

/** Without a slash at its end, and so empty for the root. */
function pathOf(url: string): string {
  return new URL(url, "https://hub.invalid").pathname.replace(/\/$/, "");
}

function originOf(url: string | undefined): string | undefined {
  return url !== undefined && /^https?:/i.test(url) && URL.canParse(url) ? new URL(url).origin : undefined;
}
