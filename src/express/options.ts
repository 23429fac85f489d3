import type { Request } from "express";
import type { Environment } from "nunjucks";
import type { HubHistoryOptions, SharedHubOptions } from "../hub/options/shared-options.js";
import type { OutboxOptions } from "../publisher/outbox/outbox-options.js";
import type { PresenceKey } from "../publisher/presence/presence.js";
import type { Authorize } from "../publisher/streams/authorizer.js";
import type { TokenMode } from "../publisher/streams/token-mode.js";
import type { Logger } from "../shared/logger.js";
import type { Transport } from "../transport/transport.js";

/** Options of `mercure(app, options)`. An environment variable in a default applies when the option is absent. */
export interface MercureOptions {
  /** Folders of page templates, relative to the working directory. Default `templates`. Not with `environment`. */
  templates?: string | readonly string[] | undefined;
  /**
   * Folders of components: `Name.njk` files, including those in sub-folders. Relative to the working directory. Default
   * `components`.
   */
  components?: string | readonly string[] | undefined;
  /**
   * An existing Nunjucks environment, with any delimiters. It must autoescape. Default: a new one with the delimiters
   * `<% %>`.
   */
  environment?: Environment | undefined;
  /**
   * The key that signs and verifies tokens, at least 32 bytes. Default: `SECRET_KEY`. If it is missing too, development
   * stores a generated key below `node_modules/.cache`, and production throws `ERR_OPTION`.
   * {@link https://www.rfc-editor.org/rfc/rfc7518#section-3.2 | RFC 7518, section 3.2}.
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
   * The Mercure version of the library's own streams and tokens: `0` for 0.x, `1` for 1.0. Default: `MERCURE_PROTOCOL`,
   * else 0. {@link https://mercure.rocks/spec | The Mercure protocol}.
   */
  protocol?: 0 | 1 | undefined;
  /**
   * The URL of a hub in another process. `true` means a hub that a proxy serves at the host of each request; see
   * `trustedHosts`. A value turns off the hub in this process. Default: `MERCURE_HUB_URL`, else the hub in this
   * process. {@link https://mercure.rocks/spec#discovery | Mercure "Discovery"}.
   */
  hubUrl?: string | true | undefined;
  /**
   * The hosts that can receive updates and their tokens with `hubUrl: true`, such as `example.com`. Other hosts are not
   * trusted, because clients choose the host of a request. A host name means https; an origin can say http. Default:
   * `MERCURE_TRUSTED_HOSTS`. If it is missing, production throws `ERR_OPTION`. Development also trusts any port of this
   * machine.
   */
  trustedHosts?: readonly string[] | string | undefined;
  /**
   * The token for publishing to a remote hub. Default: `MERCURE_PUBLISHER_JWT`, else one signed with
   * `publisherSecretKey`. {@link https://mercure.rocks/spec#publishers | Mercure "Publishers"}.
   */
  publisherJwt?: string | undefined;
  /**
   * The hub's URL for browsers. `true` means the hub's path at the host of the page. Browsers use an absolute URL
   * unchanged. Default: `MERCURE_PUBLIC_HUB_URL`, else `hubUrl`, else a relative URL.
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
   * The issuer of the library's Mercure 1.0 tokens: their claim `iss`. Default: `MERCURE_ISSUER`, else the origin of
   * `resource`, or `/` if `resource` is a path.
   * {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.1 | RFC 7519, section 4.1.1}.
   */
  issuer?: string | undefined;
  /**
   * The audience of the library's Mercure 1.0 tokens, their claim `aud`: the hub's public URL. It must equal the hub's own
   * `resource`. Default: `MERCURE_RESOURCE`, else `publicHubUrl` or `hubUrl` if that is an absolute URL, else the hub's
   * path. {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3 | RFC 7519, section 4.1.3}.
   */
  resource?: string | undefined;
  /**
   * The name of the cookie that carries a browser's token. The embedded hub appends a hash, so applications on several
   * ports of one host do not share cookies. Default: `MERCURE_AUTHZ_COOKIE_NAME`, else `mercureAuthorization` with
   * Mercure 0.x and `__Secure-mercure_access_token` with 1.0. {@link https://mercure.rocks/spec#cookie | Mercure
   * "Cookie"}.
   */
  authzCookieName?: string | undefined;
  /**
   * The `Domain` attribute of that cookie. Default: `MERCURE_AUTHZ_COOKIE_DOMAIN`, else the host of the page alone.
   * {@link https://www.rfc-editor.org/rfc/rfc6265#section-5.2.3 | RFC 6265, section 5.2.3}.
   */
  authzCookieDomain?: string | undefined;
  /** Whether an update without a type uses its topic as its type. Default: `MERCURE_TYPE_IS_TOPIC`, else false. */
  typeIsTopic?: boolean | undefined;
  /**
   * The place of private streams' tokens. `"url"` puts them into the stream URLs in the markup; plain htmx needs that
   * with Mercure 0.x. `"cookie"` keeps them out of the markup. Default: `MERCURE_TOKEN_MODE`, else `"url"` with Mercure
   * 0.x and `"cookie"` with 1.0. {@link https://mercure.rocks/spec#authorization | Mercure "Authorization"}.
   */
  tokenMode?: TokenMode | undefined;
  /**
   * Decides whether a request may stream private topics. The library calls it when it renders a page with private streams;
   * the answer must be synchronous there. The library calls it again, and awaits the answer, when a stream renews its token
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
   * Whether the streams of a page share one connection, and over HTTP/1.1 those of all tabs of a viewer. Default true;
   * false gives each stream a connection of its own. Not with `hubUrl`.
   */
  shareConnections?: boolean | undefined;
  /**
   * The max length of a stream's URL, and of a token that is sent with it, in bytes. Rendering a longer one throws.
   * Proxies accept about 8 KiB. Default 8000; 0 means unlimited.
   */
  maxStreamUrlBytes?: number | undefined;
  /** The lifetime of a private stream's token, in seconds; min 1. Default 3600. */
  tokenLifetime?: number | undefined;
  /**
   * Returns the payload of a stream's token, which other subscribers can see: any JSON value. It takes the stream's
   * topics and the current request, and must be synchronous. Default: absent, so tokens have no payload.
   * {@link https://mercure.rocks/spec#payload | Mercure "Payload"}.
   */
  payloadGetter?: ((topics: readonly string[], request: Request | undefined) => unknown) | undefined;
  /**
   * Maps a request to the signed-in user's id, or to undefined if nobody is signed in. It must be synchronous. The id
   * becomes the subject of the request's tokens, so `sse.disconnect({ subject })` can end the user's streams. Default:
   * absent, so tokens have no subject.
   * {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.2 | RFC 7519, section 4.1.2}.
   */
  subjectGetter?: ((request: Request) => string | undefined) | undefined;
  /**
   * The payload property that identifies a person, or a function that returns the identifier. A person with many
   * windows counts once. A payload that is a string or a number is itself the identifier. Default `id`.
   */
  presenceKey?: PresenceKey | undefined;
  /**
   * The time that a person stays present after their last stream closes, in seconds; max 86,400. A reload within it
   * changes nothing. Default 5; 0 disables.
   */
  presenceGrace?: number | undefined;
  /**
   * The line of htmx on the application's pages. The tags write its markup, and `mercure_scripts()` loads its scripts. A
   * page can name another line: `mercure_scripts(htmx=4)`. Default: the major version of the installed package `htmx.org`,
   * else 2.
   */
  htmx?: 2 | 4 | undefined;
  /**
   * The time until the streams of a hidden page pause, in seconds; max 86,400. A page that is seen again resumes from
   * its position. Default 0, which disables the pause.
   */
  pauseHiddenAfter?: number | undefined;
  /**
   * Swap styles of htmx extensions that `hx_swap` accepts as well. Default: empty.
   * {@link https://htmx.org/attributes/hx-swap/ | hx-swap}.
   */
  swapStyles?: readonly string[] | undefined;
  /** The path of the library's scripts and styles. Default `/mercure-assets`. */
  assetsPath?: string | undefined;
  /** Whether the library watches templates and prints hints. Default: true unless `NODE_ENV` is `production`. */
  development?: boolean | undefined;
  /** Receives warnings and errors. Default `console`. */
  logger?: Logger | undefined;
  /**
   * The store of the history of the hub in this process. `memory` loses it at a restart. `lmdb:` and a folder, such as
   * `lmdb:./history`, keeps it on disk, and several processes can share the folder; it needs the package lmdb. The URL of
   * Redis or PostgreSQL, such as `redis://localhost:6379`, shares it between machines; `redis` takes the URL from
   * `SSE_REDIS_URL` or `REDIS_URL`. An object is a transport that the application has created, and closes after
   * `kit.close()`. With `hubUrl` it throws `ERR_OPTION`. Default: `MERCURE_TRANSPORT_URL`, else `SSE_REDIS_URL`, with
   * several processes `REDIS_URL`, else `memory`.
   */
  transport?: Transport | string | undefined;
  /**
   * The outbox: a table in the application's database, so that `publish` takes part in its transactions. A relay publishes
   * from it. Default: none; a `transaction` then needs the transport of PostgreSQL.
   */
  outbox?: OutboxOptions | undefined;
  /**
   * Options of the hub in this process. With `hubUrl` only `allowAnonymous` applies, and `path` with `hubUrl: true`;
   * any other throws `ERR_OPTION`.
   */
  hub?: EmbeddedHubOptions | undefined;
}

/**
 * Options of the hub in this process. Each but `issuers` has an environment variable, such as
 * `MERCURE_HUB_KEEPALIVE_INTERVAL` for `keepaliveInterval`, which applies when the option is absent.
 */
export interface EmbeddedHubOptions extends SharedHubOptions, HubHistoryOptions {}
