/** The limits of clients' use of the hub. Each is a whole number. The hub refuses requests above a limit. */
export interface HubLimits {
  /** The max number of open streams. Default 100,000; 0 for unlimited. */
  readonly maxConnections?: number | undefined;
  /** The same for each address; requires trusting the proxies before the hub. Default 10,000; 0 for unlimited. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** The same for each subject, the `sub` claim of a token. Default 1000; 0 for unlimited. */
  readonly maxConnectionsPerSubject?: number | undefined;
  /**
   * The max backlog of a stream whose client reads slowly, in bytes of events. Beyond it, checked in steps of a
   * sixteenth, the hub ends the stream, and the client reconnects. The backlog is read from history, not queued.
   * Default 1 MiB; 0 for as far as history reaches.
   */
  readonly maxBacklogBytes?: number | undefined;
  /** The max number of topics in one subscription request, patterns included. Default 200. */
  readonly maxMatchers?: number | undefined;
  /** The max length of each of them, and of each topic that a token grants, in UTF-16 units. Default 2048. */
  readonly maxMatcherLength?: number | undefined;
  /**
   * The max size of the patterns of one request together, and of those of one token, in instructions of their automata.
   * A usual pattern has a few dozen. Each update is evaluated with all patterns of a request. Default 5000; 0 for no
   * patterns.
   */
  readonly maxPatternSize?: number | undefined;
  /**
   * The max memory of all clients' requests, in bytes: topics and patterns of open streams and of their tokens, large
   * request heads, bodies while they are read, and events that wait for slow readers. It is an upper estimate. Equal
   * patterns, and equal lists of topics, count once. A usual stream, of about two topics, does not count. The hub
   * answers a stream above the limit with 429. A slow reader above it is disconnected, and resumes from its last event.
   * Default 256 MiB; 0 for unlimited.
   */
  readonly maxSubscriptionBytes?: number | undefined;
  /** The same for the requests from each address. Default 64 MiB; 0 for unlimited. */
  readonly maxSubscriptionBytesPerAddress?: number | undefined;
  /**
   * The max memory of the topics and patterns of one request, in bytes, by the same estimate. Default 8 MiB; 0 for
   * unlimited.
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

/** The limits with every default filled in. */
export type ResolvedHubLimits = { readonly [Name in keyof HubLimits]-?: number };

/** Returns the limits of one subscription request. */
export function matcherLimitsOf(limits: ResolvedHubLimits) {
  return {
    count: limits.maxMatchers,
    length: limits.maxMatcherLength,
    patternSize: limits.maxPatternSize,
    bytes: limits.maxSubscriptionBytesPerRequest,
  };
}

/** Returns the limits of one token. */
export function tokenLimitsOf(limits: ResolvedHubLimits) {
  return {
    details: limits.maxTokenDetails,
    topics: limits.maxTokenTopics,
    topicLength: limits.maxMatcherLength,
    patternSize: limits.maxPatternSize,
  };
}
