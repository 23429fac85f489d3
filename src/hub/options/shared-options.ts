import type { Protocol } from "../../protocol/matching/subscription-parameters.js";
import type { TopicHistoryLength } from "../../transport/history/history-options.js";
import type { IssuerOptions } from "../auth/issuers.js";
import type { HubLimits } from "../limits/hub-limits.js";

/** Options of every hub: of the class `Hub`, of an application's hub, and of the command `htmx-mercure hub`. */
export interface SharedHubOptions extends HubLimits {
  /**
   * The path of the hub's URL. With `hubUrl: true` it is the path that the proxy serves. Default `/.well-known/mercure`.
   * {@link https://mercure.rocks/spec#discovery | Mercure "Discovery"}.
   */
  readonly path?: string | undefined;
  /**
   * The versions of Mercure that the hub speaks with subscribers: `0`, `1` or `"both"`. Tokens of other versions are
   * invalid. In an application it must include the option `protocol`. Default `"both"`.
   * {@link https://mercure.rocks/spec | The Mercure protocol}.
   */
  readonly protocol?: Protocol | undefined;
  /** Further issuers whose tokens the hub trusts, such as authorization servers, with their keys. Default none. */
  readonly issuers?: readonly IssuerOptions[] | undefined;
  /**
   * Issuers of Mercure 1.0 tokens for clients, listed in the hub's metadata. Default none.
   * {@link https://www.rfc-editor.org/rfc/rfc9728#section-2 | RFC 9728, section 2}.
   */
  readonly authorizationServers?: readonly string[] | string | undefined;
  /**
   * Whether subscribers without a token can connect; they receive public updates only. Default true.
   * {@link https://mercure.rocks/spec#subscribers | Mercure "Subscribers"}.
   */
  readonly allowAnonymous?: boolean | undefined;
  /**
   * Whether clients can publish updates over HTTP. Default false.
   * {@link https://mercure.rocks/spec#publication | Mercure "Publication"}.
   */
  readonly allowPublish?: boolean | undefined;
  /**
   * Whether the hub publishes active subscriptions, as events and by its web API below `/subscriptions`. Default true.
   * {@link https://mercure.rocks/spec#active-subscriptions | Mercure "Active Subscriptions"}.
   */
  readonly subscriptions?: boolean | undefined;
  /**
   * Other origins whose pages can use the hub, with their visitors' cookies. `*` admits all other origins, without
   * cookies. Default none: the hub sends no CORS headers.
   * {@link https://fetch.spec.whatwg.org/#http-cors-protocol | Fetch, CORS protocol}.
   */
  readonly corsOrigins?: readonly string[] | string | undefined;
  /**
   * Origins, besides the hub's own, whose pages can publish with a token in a cookie. Default none.
   * {@link https://mercure.rocks/spec#cookie | Mercure "Cookie"}.
   */
  readonly publishOrigins?: readonly string[] | string | undefined;
  /**
   * The max duration of a stream, in seconds. Each stream ends up to a fifth earlier, at random, and its client
   * reconnects with a valid token. Default 3600; 0 for unlimited.
   */
  readonly connectionLifetime?: number | undefined;
  /**
   * The max lead of an issuer's clock over the hub's, in seconds. The hub rejects a token whose `nbf` or `iat` is
   * further in the future. Default 30; max 300; 0 for none.
   * {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.5 | RFC 7519, section 4.1.5}.
   */
  readonly clockTolerance?: number | undefined;
  /**
   * The interval of the comments that keep idle connections open, in seconds. Default 15; max 86,400; 0 for no
   * comments.
   * {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes | HTML, server-sent events}.
   */
  readonly keepaliveInterval?: number | undefined;
}

/** Options of the history that a hub keeps for replay, unless its `transport` is an object with options of its own. */
export interface HubHistoryOptions {
  /**
   * The max number of updates of each topic that the hub keeps for replay. Default 500; 0 for none.
   * {@link https://mercure.rocks/spec#reconciliation | Mercure, reconnection}.
   */
  readonly reconciliationLength?: number | undefined;
  /**
   * The same for some topics, by name or by pattern: `{ match, match_type, length }`. The first match counts. Default
   * none: `reconciliationLength` applies to all topics.
   */
  readonly historyLengths?: readonly TopicHistoryLength[] | undefined;
  /** The max size of all updates that the hub keeps for replay, in bytes. Default 64 MiB; 0 for none. */
  readonly maxHistoryBytes?: number | undefined;
}

/** Options that name the hub and its cookie. */
export interface IdentityOptions {
  /**
   * The issuer (the claim `iss`) of the Mercure 1.0 tokens that `subscriberKey` and `publisherKey` sign. Default: the
   * origin of `resource`, or `/` without one.
   * {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.1 | RFC 7519, section 4.1.1}.
   */
  readonly issuer?: string | undefined;
  /**
   * The hub's URL as clients see it, absolute or a path. Mercure 1.0 tokens must name it in their claim `aud`. Relative
   * URL patterns and topics resolve against it, and the hub's own topics begin with its path. Default `path`,
   * sufficient for tokens that the application issues to its own hub. With the default the hub publishes no metadata,
   * and patterns that name a host match no relative topics.
   * {@link https://www.rfc-editor.org/rfc/rfc9728#section-1.2 | RFC 9728, section 1.2}.
   */
  readonly resource?: string | undefined;
  /**
   * The name of the cookie that carries a browser's token. Default `__Secure-mercure_access_token`, as Mercure 1.0
   * defines it; without that cookie the hub reads `mercureAuthorization`.
   * {@link https://mercure.rocks/spec#cookie | Mercure "Cookie"}.
   */
  readonly cookieName?: string | undefined;
}
