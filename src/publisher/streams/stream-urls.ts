import type { Selector } from "../../protocol/active-subscription.js";
import { variantOf } from "../../protocol/own-topics.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { grantParameter } from "../../protocol/tokens/authz-cookies.js";
import { assertKnownOptions } from "../../shared/known-options.js";
import type { HubPort } from "../hub/hub-port.js";
import type { TopicReader } from "../publish/topic-reader.js";
import type { Topics } from "../publish/topics.js";
import { type Variants, variantText } from "../publish/variants.js";
import type { EventTopics } from "./event-topics.js";
import type { RenderContexts } from "./render-context.js";
import { checkGranted, checkSelectors, checkUrl, type StreamLimits } from "./stream-limits.js";
import { streamUrl } from "./stream-url.js";
import type { StreamAuthorization, TokenIssuer } from "./token-issuer.js";
import type { TokenMode } from "./token-mode.js";
import type { UnboundStreams } from "./unbound-streams.js";
import { noteWithoutVariant, variantSelectors } from "./variant-selectors.js";

/** The content of a stream's URL or token besides topics. */
export interface StreamExtras {
  /** The bearer's payload, which other subscribers can read. Default: the result of `payloadGetter`. */
  payload?: unknown;
  /** Whether to add the subscription events of the topics. They are private. Default false. */
  withSubscriptions?: boolean | undefined;
}

const streamExtras: readonly string[] = ["payload", "withSubscriptions"] satisfies (keyof StreamExtras)[];

/** The kinds of updates that a tag's stream carries besides public updates. */
export interface ConnectionOptions {
  /** Whether the stream carries private updates of its topics. */
  readonly private: boolean;
  /** Whether the stream carries the subscription events of its topics. */
  readonly withSubscriptions: boolean;
  /** Whether the stream carries presence-change events of its topics. */
  readonly withPresence: boolean;
  /** The variant that the stream carries, as JSON data. Undefined for a stream without a variant. */
  readonly variant: unknown;
}

export interface StreamUrlsOptions {
  readonly hub: HubPort;
  readonly protocol: ProtocolVersion;
  readonly topics: TopicReader;
  readonly events: EventTopics;
  readonly issuer: TokenIssuer;
  readonly variants: Variants;
  readonly tokenMode: TokenMode;
  readonly streamLimits: StreamLimits;
  readonly pages: RenderContexts;
  readonly unbound: UnboundStreams;
  /** Whether the hub accepts subscribers without a token. */
  readonly allowAnonymous: boolean;
  /** Returns the application's base path as browsers see it, for use outside of requests. */
  basePath(): string;
  /**
   * Returns the path where streams renew their tokens, for a base path. Undefined if the pages themselves renew the
   * tokens.
   */
  readonly renewalPath: ((basePath: string) => string) | undefined;
  /** Returns a mark of the viewer, undefined outside of a request. Undefined if streams share no connections. */
  readonly viewerMark?: (() => string | undefined) | undefined;
}

/** Creates the URLs of streams. A URL's token grants only the topics of its stream. */
export class StreamUrls {
  readonly #options: StreamUrlsOptions;

  constructor(options: StreamUrlsOptions) {
    this.#options = options;
  }

  hubUrl(topics: Topics, jwt?: string, extras: Pick<StreamExtras, "withSubscriptions"> = {}): string {
    assertKnownOptions(extras, ["withSubscriptions"], "hubUrl");
    const { issuer, allowAnonymous } = this.#options;
    const selectors = this.#plainSelectors(topics);
    const streamed = this.#withEvents(selectors, topics, extras);
    if (jwt !== undefined) return this.#streamUrl(streamed, () => ({ token: issuer.handOut(() => jwt) }));
    return this.#streamUrl(streamed, () => (allowAnonymous ? {} : issuer.authorize([], selectors)));
  }

  authenticatedHubUrl(topics: Topics, extras: StreamExtras = {}): string {
    assertKnownOptions(extras, streamExtras, "authenticatedHubUrl");
    const { tokenMode, issuer } = this.#options;
    const selectors = this.#plainSelectors(topics);
    const granted = this.#withEvents(selectors, topics, extras);
    return this.#streamUrl(granted, () => {
      // Without a grant's name the hub rejects with a status, which stops every EventSource.
      const { token, grant } = issuer.authorize(granted, selectors, extras.payload);
      return tokenMode === "url" ? { token } : { grant };
    });
  }

  subscriberJwt(topics: Topics, extras: StreamExtras = {}): string {
    assertKnownOptions(extras, streamExtras, "subscriberJwt");
    const { protocol, streamLimits, issuer, variants } = this.#options;
    const selectors = this.#options.topics.selectors(topics);
    const granted = this.#withEvents(selectors, topics, extras);
    checkGranted(granted, protocol, streamLimits);
    noteWithoutVariant(variants, selectors);
    return issuer.issue(granted, selectors, extras.payload);
  }

  /** Returns the URL of a tag's stream, with a token that grants only what the stream requests. */
  connectionUrl(topics: Topics, options: ConnectionOptions): string {
    const { private: isPrivate, withSubscriptions, withPresence } = options;
    const { variants, events, issuer, allowAnonymous } = this.#options;
    const selectors = this.#options.topics.selectors(topics);
    const variant = variantText(options.variant);
    if (variant === undefined) noteWithoutVariant(variants, selectors);
    const streamed = variant === undefined ? selectors : variantSelectors(variants, selectors, variant, isPrivate);
    const added = [
      ...(withSubscriptions ? events.subscriptionSelectors(topics) : []),
      ...(withPresence ? events.presenceSelectors(topics) : []),
    ];
    const granted = [...(isPrivate || variant !== undefined ? streamed : []), ...added];
    const needsToken = granted.length > 0 || !allowAnonymous;
    return this.#streamUrl([...streamed, ...added], () => (needsToken ? issuer.authorize(granted, selectors) : {}));
  }

  /**
   * Returns the URL of a stream that carries only presence-change events. Without in-process presence it carries the
   * hub's subscription events instead.
   */
  presenceUrl(topics: Topics): string {
    const selectors = this.#options.events.peopleSelectors(topics);
    return this.#streamUrl(selectors, () => this.#options.issuer.authorize(selectors));
  }

  /**
   * Returns the URL where a stream renews its token. Returns undefined if the page itself renews the token, or if the
   * stream has no token. Only the page knows a viewer's variant, so streams of variants are renewed by their page.
   */
  renewalUrl(url: string): string | undefined {
    const { renewalPath } = this.#options;
    if (renewalPath === undefined || !/[?&#](authorization|grant)=/.test(url)) return undefined;
    const [, parameters] = /\?([^#]*)/.exec(url) ?? [];
    if ([...new URLSearchParams(parameters).values()].some((name) => variantOf(name) !== undefined)) return undefined;
    const [, grant] = /[?&#]grant=([\w-]+)/.exec(url) ?? [];
    const query = grant === undefined ? "" : `?${grantParameter}=${grant}`;
    return `${renewalPath(this.#basePath)}${query}`;
  }

  /** Returns the mark of the viewer of a private stream. Streams with the same mark can share a connection. */
  viewerMark(url: string): string | undefined {
    return /[?&#](authorization|grant)=/.test(url) ? this.#options.viewerMark?.() : undefined;
  }

  #plainSelectors(topics: Topics): Selector[] {
    const selectors = this.#options.topics.selectors(topics);
    noteWithoutVariant(this.#options.variants, selectors);
    return selectors;
  }

  #withEvents(selectors: Selector[], topics: Topics, { withSubscriptions = false }: StreamExtras): Selector[] {
    return withSubscriptions ? [...selectors, ...this.#options.events.subscriptionSelectors(topics)] : selectors;
  }

  /**
   * Returns the URL of a stream.
   *
   * @throws MercureError `ERR_TOPIC` for selectors or a URL that the hub would reject. Selectors are checked before the
   * viewer gets a token.
   */
  #streamUrl(selectors: readonly Selector[], authorize: () => StreamAuthorization): string {
    const { hub, protocol, pages, streamLimits, unbound } = this.#options;
    checkSelectors(selectors, protocol, streamLimits);
    const { token, grant } = authorize();
    const page = pages.rendering;
    const hubUrl = hub.browserUrl(this.#basePath);
    const { lastEventId } = page ?? hub;
    if (page === undefined) unbound.notePosition(lastEventId, hubUrl);
    else page.onStream(hubUrl);
    const isOwnHub = hub.isInProcess;
    const url = streamUrl({ protocol, hub: hubUrl, selectors, lastEventId, token, grant, isOwnHub });
    checkUrl(url, streamLimits, isOwnHub ? page?.headBytes() : undefined);
    return url;
  }

  /** The application's base path as browsers see it: from the request, or from the options outside of a request. */
  get #basePath(): string {
    return this.#options.pages.current?.basePath ?? this.#options.basePath();
  }
}
