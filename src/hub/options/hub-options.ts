import type { IncomingMessage } from "node:http";
import { checkKeyLength } from "../../shared/key-length.js";
import { guardedLogger, type Logger } from "../../shared/logger.js";
import { invalidOption, OptionReader } from "../../shared/option-reader.js";
import { chosenUrl, transportVariable } from "../../transport/chosen-url.js";
import type { Transport } from "../../transport/transport.js";
import { refusePem, resolveIssuers } from "../auth/issuers.js";
import { matcherLimitsOf, tokenLimitsOf } from "../limits/hub-limits.js";
import type { HubObserver } from "../observer.js";
import {
  createTransport,
  readHistoryOptions,
  readIdentityOption,
  readSharedOptions,
  refuseHistoryOptions,
} from "./read-options.js";
import type { HubHistoryOptions, IdentityOptions, SharedHubOptions } from "./shared-options.js";

/** Options of the class `Hub`. */
export interface HubOptions extends SharedHubOptions, HubHistoryOptions, IdentityOptions {
  /**
   * Stores the updates: a transport, which its creator must close after the hub, or a URL such as `lmdb:./history`, whose
   * transport the hub creates and closes. Default: `MERCURE_TRANSPORT_URL`, else `SSE_REDIS_URL`.
   */
  readonly transport?: Transport | string | undefined;
  /** The key of subscribers' tokens, for HS256. Default none: without `issuers` too, the hub rejects every token. */
  readonly subscriberKey?: string | undefined;
  /** The key of publishers' tokens, for HS256. Required with `allowPublish`. */
  readonly publisherKey?: string | undefined;
  /**
   * Whether the hub accepts keys that are too short, with a warning, and ends a process whose `subscriberKey` is not that
   * of a running one over the same transport. Default: `NODE_ENV` is not `production`.
   */
  readonly development?: boolean | undefined;
  /**
   * Decides whether a token in a cookie still grants access, because browsers send cookies by themselves. The hub calls
   * it with private topics of each stream, and with the path of each subscription list. Any result except true
   * withdraws the grant. Default none: the cookie is enough.
   */
  readonly authorize?:
    | ((request: IncomingMessage, topics: readonly string[]) => boolean | Promise<boolean>)
    | undefined;
  /** The logger of the hub's internal failures, which clients never see. Default `console`. */
  readonly logger?: Logger | undefined;
  /** The observer of subscribers and updates, for metrics. The hub logs its errors. Default none. */
  readonly observer?: HubObserver | undefined;
}

/** The options with every default filled in. */
export type HubSettings = ReturnType<typeof resolveHubOptions>;

/** @throws MercureError `ERR_OPTION` for an unknown or invalid option. */
export function resolveHubOptions(options: HubOptions) {
  const read = new OptionReader(options, "", {});
  const shared = readSharedOptions(read);
  const history = readHistoryOptions(read);
  const transport = read.stringOrObject("transport") as Transport | string | undefined;
  const { path } = shared;
  const resource = readIdentityOption(read, "resource");
  const origin = originOf(resource);
  const hubUrl = hubUrlOf(resource, path);
  const settings = {
    ...shared,
    /** An absolute URL, with a placeholder host if the origin is unknown. */
    hubUrl: new URL(hubUrl, origin ?? "https://hub.invalid").href,
    /** The hub's URL as clients see it, behind any proxy. Undefined if the hub does not know its origin. */
    publicUrl: origin === undefined ? undefined : new URL(hubUrl, origin).href,
    publicPath: publicPathOf(resource, path),
    matcherLimits: matcherLimitsOf(shared),
    memoryBounds: { total: shared.maxSubscriptionBytes, perAddress: shared.maxSubscriptionBytesPerAddress },
    issuers: resolveIssuers(shared.issuers),
    issuer: readIdentityOption(read, "issuer") ?? origin ?? "/",
    development: read.boolean("development") ?? process.env.NODE_ENV !== "production",
    resource: resource ?? path,
    tokenLimits: tokenLimitsOf(shared),
    subscriberKey: read.string("subscriberKey"),
    publisherKey: read.string("publisherKey"),
    cookieName: readIdentityOption(read, "cookieName"),
    connectionBounds: {
      total: shared.maxConnections,
      perAddress: shared.maxConnectionsPerAddress,
      perSubject: shared.maxConnectionsPerSubject,
    },
    authorize: read.callback("authorize") as HubOptions["authorize"],
    publishLimits: {
      bytes: shared.maxPublishBytes,
      topics: shared.maxPublishTopics,
      fieldLength: shared.maxPublishFieldLength,
    },
    logger: guardedLogger(read.logger("logger") ?? console),
    observer: read.object("observer") as HubObserver | undefined,
  };
  read.refuseUnknown();
  checkTogether(settings);
  if (typeof transport === "object") {
    refuseHistoryOptions(options);
    return { ...settings, transport, ownTransport: undefined };
  }
  const { logger } = settings;
  const url = chosenUrl(transport ?? process.env[transportVariable], process.env, logger);
  if (url === undefined)
    throw invalidOption("transport", 'is missing; use "memory", or a URL such as "lmdb:./history"');
  const own = createTransport(url, history, logger);
  return { ...settings, transport: own, ownTransport: own };
}

/**
 * Returns the path of the hub's URL as clients see it, the prefix of the hub's own topics.
 *
 * @param resource - The option `resource`.
 * @param path - The hub's path on this server.
 */
export function publicPathOf(resource: string | undefined, path: string): string {
  return pathOf(hubUrlOf(resource, path));
}

function hubUrlOf(resource: string | undefined, path: string): string {
  // A resource without a path names the hub's origin, but not its path there.
  return resource === undefined || pathOf(resource) === "" ? path : resource;
}

/** Rejects options that are valid alone but invalid together. */
function checkTogether(settings: Omit<HubSettings, "transport" | "ownTransport">): void {
  const { issuers, subscriberKey, publisherKey, allowPublish, allowAnonymous, development, logger } = settings;
  refusePem(subscriberKey, "subscriberKey");
  refusePem(publisherKey, "publisherKey");
  for (const key of new Set([subscriberKey, publisherKey])) {
    if (key !== undefined) checkKeyLength(key, development, logger);
  }
  if (allowPublish && publisherKey === undefined && issuers.every(({ role }) => role === "subscriber")) {
    throw invalidOption("publisherKey", "is missing; allowPublish needs it");
  }
  if (!allowAnonymous && subscriberKey === undefined && issuers.every(({ role }) => role === "publisher")) {
    throw invalidOption("subscriberKey", "is missing; subscribers need it, because allowAnonymous is off");
  }
}

/** Returns the path of a URL without its trailing slash; the root is empty. */
function pathOf(url: string): string {
  return new URL(url, "https://hub.invalid").pathname.replace(/\/$/, "");
}

function originOf(url: string | undefined): string | undefined {
  return url !== undefined && /^https?:/i.test(url) && URL.canParse(url) ? new URL(url).origin : undefined;
}
