import type { OptionReader } from "../../shared/option-reader.js";

/** The max resources that clients can take. Limits are whole numbers; requests above one are refused. */
export interface HubLimits {
  /** The max number of open streams. Default 100,000; 0 for unlimited. */
  readonly maxConnections?: number | undefined;
  /** The same for each address; requires trusting the proxies before the hub. Default 10,000; 0 for unlimited. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** The same for each subject, the `sub` claim of a token. Default 1000; 0 for unlimited. */
  readonly maxConnectionsPerSubject?: number | undefined;
  /**
   * The max backlog of a stream whose client reads slowly, in bytes of events. Further behind, at the next sixteenth,
   * the hub ends the stream, and the client reconnects. The backlog is read from history, not queued. Default 1 MiB;
   * 0 for as far as history reaches.
   */
  readonly maxBacklogBytes?: number | undefined;
  /** The max number of topics in one subscription request, patterns included. Default 200. */
  readonly maxMatchers?: number | undefined;
  /** The max length of each of them, and of each topic that a token grants, in UTF-16 units. Default 2048. */
  readonly maxMatcherLength?: number | undefined;
  /**
   * The max size of the patterns of one request together, and of those of one token, in instructions of their automata.
   * A usual pattern has some dozens. Each update is evaluated with all patterns of a request. Default 5000.
   */
  readonly maxPatternSize?: number | undefined;
  /**
   * The max memory of clients' requests in all, in bytes: topics and patterns of open streams and of their tokens,
   * large request heads, and bodies while they are read. It is an upper estimate. Equal patterns, and equal lists of
   * topics, count once. The usual part of a stream, some two topics, is free. A stream above the limit is answered 429.
   * Default 256 MiB; 0 for unlimited.
   */
  readonly maxSubscriptionBytes?: number | undefined;
  /** The same for each address. Default 64 MiB; 0 for unlimited. */
  readonly maxSubscriptionBytesPerAddress?: number | undefined;
  /**
   * The max memory that the topics and patterns of one request take, in bytes, by the same estimate. Default 8 MiB; 0
   * for unlimited.
   */
  readonly maxSubscriptionBytesPerRequest?: number | undefined;
  /** The max size of a QUERY request's body, in bytes. Default 256 KiB. */
  readonly maxQueryBytes?: number | undefined;
  /** The max number of authorization details in a token. Tokens with more are refused. Default 100. */
  readonly maxTokenDetails?: number | undefined;
  /** The max number of topics that a token grants. Tokens with more are refused. Default 1000. */
  readonly maxTokenTopics?: number | undefined;
  /** The max size of a publish request's body, in bytes. Default 1 MiB. */
  readonly maxPublishBytes?: number | undefined;
  /** The max number of topics of an update published over HTTP. Default 100. */
  readonly maxPublishTopics?: number | undefined;
  /** The max length of each of its fields except the data, in UTF-16 units. Default 4096. */
  readonly maxPublishFieldLength?: number | undefined;
}

export type HubLimit = keyof HubLimits;

interface Bound {
  readonly min: 0 | 1;
  readonly defaultValue: number;
}

/** The bounds and defaults of all limits. An office behind one address stays below the defaults. */
const bounds: Readonly<Record<HubLimit, Bound>> = {
  maxConnections: { min: 0, defaultValue: 100_000 },
  maxConnectionsPerAddress: { min: 0, defaultValue: 10_000 },
  maxConnectionsPerSubject: { min: 0, defaultValue: 1000 },
  maxBacklogBytes: { min: 0, defaultValue: 1024 * 1024 },
  maxMatchers: { min: 1, defaultValue: 200 },
  maxMatcherLength: { min: 1, defaultValue: 2048 },
  maxPatternSize: { min: 0, defaultValue: 5000 },
  maxSubscriptionBytes: { min: 0, defaultValue: 256 * 1024 * 1024 },
  maxSubscriptionBytesPerAddress: { min: 0, defaultValue: 64 * 1024 * 1024 },
  maxSubscriptionBytesPerRequest: { min: 0, defaultValue: 8 * 1024 * 1024 },
  maxQueryBytes: { min: 1, defaultValue: 256 * 1024 },
  maxTokenDetails: { min: 1, defaultValue: 100 },
  maxTokenTopics: { min: 1, defaultValue: 1000 },
  maxPublishBytes: { min: 1, defaultValue: 1024 * 1024 },
  maxPublishTopics: { min: 1, defaultValue: 100 },
  maxPublishFieldLength: { min: 1, defaultValue: 4096 },
};

export const hubLimits = Object.keys(bounds) as readonly HubLimit[];

/** Returns the environment variable of a limit, such as `MERCURE_HUB_MAX_CONNECTIONS`. */
export function limitVariable(name: HubLimit): string {
  return `MERCURE_HUB_${name.replaceAll(/[A-Z]/g, "_$&").toUpperCase()}`;
}

/**
 * Reads the limits from options and environment variables.
 *
 * @param nameOf - Returns the reader's name of a limit. Default: the limit's own name.
 * @throws MercureError `ERR_OPTION`
 */
export function readHubLimits(
  read: OptionReader,
  nameOf: (name: HubLimit) => string = (name) => name,
): Readonly<Record<HubLimit, number>> {
  const limits = hubLimits.map((name) => {
    const { min, defaultValue } = bounds[name];
    return [name, read.number(nameOf(name), { min, integer: true }, limitVariable(name)) ?? defaultValue];
  });
  return Object.fromEntries(limits) as Record<HubLimit, number>;
}

/** Returns the limits of one subscription request. */
export function matcherLimitsOf(limits: Readonly<Record<HubLimit, number>>) {
  return {
    count: limits.maxMatchers,
    length: limits.maxMatcherLength,
    patternSize: limits.maxPatternSize,
    bytes: limits.maxSubscriptionBytesPerRequest,
  };
}

/** Returns the limits of one token. */
export function tokenLimitsOf(limits: Readonly<Record<HubLimit, number>>) {
  return {
    details: limits.maxTokenDetails,
    topics: limits.maxTokenTopics,
    topicLength: limits.maxMatcherLength,
    patternSize: limits.maxPatternSize,
  };
}
