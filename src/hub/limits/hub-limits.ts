import type { OptionReader } from "../../shared/option-reader.js";

/** How much of a hub its clients may take. Whole numbers; what is beyond one is refused. */
export interface HubLimits {
  /** How many streams may be open at a time. Default 100,000; 0 for any number. */
  readonly maxConnections?: number | undefined;
  /** The same for each address; proxies before the hub must be trusted for it. Default 10,000; 0 for any number. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** The same for each subject, the claim `sub` of a token. Default 1000; 0 for any number. */
  readonly maxConnectionsPerSubject?: number | undefined;
  /**
   * How many bytes of events a stream may be behind when its client does not take them; further behind, at the next
   * sixteenth, it is ended, and the client comes back. Nothing is queued for it meanwhile. Default 1 MiB; 0 for as far
   * as history reaches.
   */
  readonly maxBacklogBytes?: number | undefined;
  /** How many topics one request may subscribe to, patterns included. Default 200. */
  readonly maxMatchers?: number | undefined;
  /** How long each of them may be, and each topic that a token grants, in UTF-16 units. Default 2048. */
  readonly maxMatcherLength?: number | undefined;
  /**
   * The max size of the patterns of one request together, and of those of one token, in instructions of their automata.
   * A usual pattern has some dozens. Each update is evaluated with all patterns of a request. Default 5000.
   */
  readonly maxPatternSize?: number | undefined;
  /**
   * The max memory that the topics and patterns of all open streams take, in bytes, those of their tokens included, with
   * large heads of requests, and bodies while they are read. It is an upper estimate, in which equal patterns, and equal
   * lists of topics, count once, and the usual part of a stream, some two topics, does not count. A stream for which there is no room is answered 429. Default 256 MiB; 0 for unlimited.
   */
  readonly maxSubscriptionBytes?: number | undefined;
  /** The same for each address. Default 64 MiB; 0 for unlimited. */
  readonly maxSubscriptionBytesPerAddress?: number | undefined;
  /**
   * The max memory that the topics and patterns of one request take, in bytes, by the same estimate. Default 8 MiB; 0 for
   * unlimited.
   */
  readonly maxSubscriptionBytesPerRequest?: number | undefined;
  /** How large the body of a request with the method QUERY may be, in bytes. Default 256 KiB. */
  readonly queryLimit?: number | undefined;
  /** How many authorization details a token may hold; more, and it is refused. Default 100. */
  readonly maxTokenDetails?: number | undefined;
  /** How many topics a token may grant in all; more, and it is refused. Default 1000. */
  readonly maxTokenTopics?: number | undefined;
  /** How large the body of a request to publish may be, in bytes. Default 1 MiB. */
  readonly publishLimit?: number | undefined;
  /** How many topics an update may have that is published over HTTP. Default 100. */
  readonly maxPublishTopics?: number | undefined;
  /** How long each of its fields but the data may be, in UTF-16 units. Default 4096. */
  readonly maxPublishFieldLength?: number | undefined;
}

export type HubLimit = keyof HubLimits;

interface Bound {
  readonly least: 0 | 1;
  readonly byDefault: number;
}

/** Defaults that an office behind one address never meets. */
const bounds: Readonly<Record<HubLimit, Bound>> = {
  maxConnections: { least: 0, byDefault: 100_000 },
  maxConnectionsPerAddress: { least: 0, byDefault: 10_000 },
  maxConnectionsPerSubject: { least: 0, byDefault: 1000 },
  maxBacklogBytes: { least: 0, byDefault: 1024 * 1024 },
  maxMatchers: { least: 1, byDefault: 200 },
  maxMatcherLength: { least: 1, byDefault: 2048 },
  maxPatternSize: { least: 0, byDefault: 5000 },
  maxSubscriptionBytes: { least: 0, byDefault: 256 * 1024 * 1024 },
  maxSubscriptionBytesPerAddress: { least: 0, byDefault: 64 * 1024 * 1024 },
  maxSubscriptionBytesPerRequest: { least: 0, byDefault: 8 * 1024 * 1024 },
  queryLimit: { least: 1, byDefault: 256 * 1024 },
  maxTokenDetails: { least: 1, byDefault: 100 },
  maxTokenTopics: { least: 1, byDefault: 1000 },
  publishLimit: { least: 1, byDefault: 1024 * 1024 },
  maxPublishTopics: { least: 1, byDefault: 100 },
  maxPublishFieldLength: { least: 1, byDefault: 4096 },
};

export const hubLimits = Object.keys(bounds) as readonly HubLimit[];

/** The environment variable of a limit: `MERCURE_HUB_MAX_CONNECTIONS`. */
export function limitVariable(name: HubLimit): string {
  return `MERCURE_HUB_${name.replaceAll(/[A-Z]/g, "_$&").toUpperCase()}`;
}

/**
 * @param nameOf - What the reader calls a limit. Default: by its own name.
 * @throws MercureError `ERR_OPTION`
 */
export function readHubLimits(
  read: OptionReader,
  nameOf: (name: HubLimit) => string = (name) => name,
): Readonly<Record<HubLimit, number>> {
  const limits = hubLimits.map((name) => {
    const { least, byDefault } = bounds[name];
    return [name, read.number(nameOf(name), { least, whole: true }, limitVariable(name)) ?? byDefault];
  });
  return Object.fromEntries(limits) as Record<HubLimit, number>;
}

/** The bounds of what one request may ask for. */
export function matcherLimitsOf(limits: Readonly<Record<HubLimit, number>>) {
  return {
    count: limits.maxMatchers,
    length: limits.maxMatcherLength,
    patternSize: limits.maxPatternSize,
    bytes: limits.maxSubscriptionBytesPerRequest,
  };
}

/** The bounds of what one token may grant. */
export function tokenLimitsOf(limits: Readonly<Record<HubLimit, number>>) {
  return {
    details: limits.maxTokenDetails,
    topics: limits.maxTokenTopics,
    topicLength: limits.maxMatcherLength,
    patternSize: limits.maxPatternSize,
  };
}
