import { types } from "node:util";
import { type Selector, watchedTopic } from "../../protocol/active-subscription.js";
import { nameOf } from "../../protocol/carried-name.js";
import type { TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import { applicationTopic, presenceEvent, presenceTopic, variantOf } from "../../protocol/own-topics.js";
import { grantParameter } from "../../protocol/tokens/authz-cookies.js";
import { MercureError } from "../../shared/errors.js";
import { assertKnownOptions } from "../../shared/known-options.js";
import { onRejection } from "../../shared/on-rejection.js";
import { embeddedHubRequired } from "../hub/hub-port.js";
import type { Presence } from "../presence/presence.js";
import { type Topics, topicNames, topicSelectors } from "../publish/topics.js";
import { variantText, variantTopics } from "../publish/variants.js";
import type { PublisherOptions } from "../publisher-options.js";
import { checkGranted, checkSelectors, checkUrl } from "./stream-limits.js";
import { streamUrl } from "./stream-url.js";
import type { TokenBearer, Tokens } from "./tokens.js";

/** Options of the tokens that the application creates by hand. */
export interface JwtOptions {
  /** Data about the bearer that other subscribers can read. Must be an object in Mercure 1.0. Default: none. */
  payload?: unknown;
  /** The bearer's id, for `sse.disconnect({ subject })`. Default: none. */
  subject?: string | undefined;
  /** The lifetime of the token, in seconds. Must be greater than 0. Default: the option `tokenLifetime`. */
  expiresIn?: number | undefined;
}

/** The content of a stream's URL or token besides topics. */
export interface StreamExtras {
  /** The bearer's payload, which other subscribers can read. Default: the result of `payloadGetter`. */
  payload?: unknown;
  /** Whether to add the events of those who subscribe to the topics, which are private. Default false. */
  withSubscriptions?: boolean | undefined;
}

const streamExtras: readonly string[] = ["payload", "withSubscriptions"] satisfies (keyof StreamExtras)[];

const jwtOptions: readonly string[] = ["payload", "subject", "expiresIn"] satisfies (keyof JwtOptions)[];

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

/** Creates stream URLs and the tokens for them. A token grants only the topics of its stream. */
export class StreamAccess {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /**
   * Returns the URL of an EventSource for the topics. The stream replays updates published since the current request
   * began.
   *
   * @param jwt - A subscriber's token for private updates. In Mercure 0.x it is a parameter of the URL. In Mercure 1.0
   * it is in the URL's fragment, and only the kit's script reads it. Default: none, or a token without grants if the
   * hub rejects anonymous subscribers.
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, or a URL that the hub would reject.
   * @example
   * const url = sse.hubUrl("messages");
   */
  hubUrl(topics: Topics, jwt?: string, extras: Pick<StreamExtras, "withSubscriptions"> = {}): string {
    assertKnownOptions(extras, ["withSubscriptions"], "hubUrl");
    const selectors = this.selectors(topics);
    this.#noteWithoutVariant(selectors);
    const streamed = this.#withEvents(selectors, topics, extras);
    if (jwt !== undefined) return this.#streamUrl(streamed, () => ({ token: this.#handOut(() => jwt) }));
    return this.#streamUrl(streamed, () => (this.#options.allowAnonymous ? {} : this.#authorize([], selectors)));
  }

  /**
   * Returns the same URL as {@link StreamAccess.hubUrl} with a token that grants the private updates of these topics.
   * The token is in the URL, or in a cookie with `tokenMode: "cookie"`.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, or a URL that the hub would reject.
   * @throws MercureError `ERR_FORBIDDEN` if the option `authorize` refuses the topics.
   * @throws MercureError `ERR_OPTION` if an option's function returns a promise.
   * @throws MercureError `ERR_TOKEN` if the token needs a cookie and the response is missing or has begun.
   * @example
   * const url = sse.authenticatedHubUrl("orders/7");
   */
  authenticatedHubUrl(topics: Topics, extras: StreamExtras = {}): string {
    assertKnownOptions(extras, streamExtras, "authenticatedHubUrl");
    const selectors = this.selectors(topics);
    this.#noteWithoutVariant(selectors);
    const { tokenMode } = this.#options;
    const granted = this.#withEvents(selectors, topics, extras);
    return this.#streamUrl(granted, () => {
      // Without a grant's name the hub rejects with a status, which stops every EventSource.
      const { token, grant } = this.#authorize(granted, selectors, extras.payload);
      return tokenMode === "url" ? { token } : { grant };
    });
  }

  /** The name of {@link StreamAccess.authenticatedHubUrl} in Flask-Mercure-SSE. */
  authentifiedHubUrl(topics: Topics, extras: StreamExtras = {}): string {
    return this.authenticatedHubUrl(topics, extras);
  }

  /**
   * Returns a token that grants the private updates of these topics to the current user. It is valid for the option
   * `tokenLifetime`.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, `ERR_FORBIDDEN` if the option `authorize`
   * refuses the topics, `ERR_OPTION` if an option's function returns a promise.
   * @example
   * const token = sse.subscriberJwt("orders/7");
   */
  subscriberJwt(topics: Topics, extras: StreamExtras = {}): string {
    assertKnownOptions(extras, streamExtras, "subscriberJwt");
    const selectors = this.selectors(topics);
    const granted = this.#withEvents(selectors, topics, extras);
    checkGranted(granted, this.#options.protocol, this.#options.streamLimits);
    this.#noteWithoutVariant(selectors);
    return this.#handOut(() => {
      this.#check(granted);
      const bearer = { payload: extras.payload ?? this.#payloadOf(selectors), subject: this.subjectOf() };
      return this.#options.tokens.forSubscriber(granted, bearer);
    });
  }

  /**
   * Returns a token that grants the private updates of these topics to any bearer. The option `authorize` is not
   * called.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, `ERR_OPTION` for an invalid option.
   * @example
   * const token = sse.createSubscriberJwt("orders/7", { subject: "7", expiresIn: 600 });
   */
  createSubscriberJwt(topics: Topics, options: JwtOptions = {}): string {
    assertKnownOptions(options, jwtOptions, "createSubscriberJwt");
    return this.signSubscriberJwt(topics, options);
  }

  /**
   * Signs that token, on request for the cookie of a hash.
   *
   * @internal
   */
  protected signSubscriberJwt(topics: Topics, options: JwtOptions & Pick<TokenBearer, "cookieHash">): string {
    const selectors = this.#grantedSelectors(topics);
    this.#noteWithoutVariant(selectors);
    const { tokens } = this.#options;
    return this.#handmade(tokens.forSubscriber(selectors, { ...options, lifetime: lifetimeOf(options) }));
  }

  /**
   * Returns a token that lets any bearer publish to these topics over HTTP. The option `authorize` is not called.
   *
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic, `ERR_OPTION` for an invalid option.
   * @example
   * const token = sse.createPublisherJwt("orders/7", { expiresIn: 600 });
   */
  createPublisherJwt(topics: Topics, options: JwtOptions = {}): string {
    assertKnownOptions(options, jwtOptions, "createPublisherJwt");
    const { tokens } = this.#options;
    const granted = this.#grantedSelectors(topics);
    return this.#handmade(tokens.forOtherPublisher(granted, { ...options, lifetime: lifetimeOf(options) }));
  }

  /** Returns the URL of a tag's stream, with a token that grants only what the stream requests. */
  connectionUrl(topics: Topics, options: ConnectionOptions): string {
    const { private: isPrivate, withSubscriptions, withPresence } = options;
    const selectors = this.selectors(topics);
    const variant = variantText(options.variant);
    const streamed = variant === undefined ? selectors : this.#variantSelectors(selectors, variant, isPrivate);
    if (variant === undefined) this.#noteWithoutVariant(selectors);
    const events = [
      ...(withSubscriptions ? this.#eventSelectors(topics) : []),
      ...(withPresence ? this.#presenceSelectors(topics) : []),
    ];
    const granted = [...(isPrivate || variant !== undefined ? streamed : []), ...events];
    const needsToken = granted.length > 0 || !this.#options.allowAnonymous;
    return this.#streamUrl([...streamed, ...events], () => (needsToken ? this.#authorize(granted, selectors) : {}));
  }

  /**
   * Returns the URL of a stream that carries only presence-change events. Without in-process presence it carries the
   * hub's subscription events instead.
   */
  presenceUrl(topics: Topics): string {
    const { presence } = this.#options;
    const events = presence === undefined ? this.#eventSelectors(topics) : this.#presenceSelectors(topics);
    return this.#streamUrl(events, () => this.#authorize(events));
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

  /**
   * The types of the events that make pages fetch their people again. Subscription events have no type in Mercure 0.x,
   * and the type `mercure` in 1.0.
   */
  get presenceEvents(): readonly string[] {
    return this.#options.presence === undefined ? ["message", "mercure"] : [presenceEvent];
  }

  /**
   * Returns the topics or matchers that deliver the subscription events of `topics`. Those events are private updates.
   * Other hubs have one topic for each subscriber, so matchers select them there: a URI template in Mercure 0.x, a URL
   * pattern in 1.0.
   */
  subscriptionTopics(topics: Topics): [string | TopicMatcher, ...(string | TopicMatcher)[]] {
    const { hub, protocol } = this.#options;
    const [first, ...others] = this.selectors(topics).map((selector) => hub.subscriptionTopic(selector, protocol));
    return [first!, ...others];
  }

  /**
   * Returns the payload of a token for these topics, which other subscribers can read.
   *
   * @param names - The names as the application wrote them.
   * @throws MercureError `ERR_OPTION` if the option `payloadGetter` returns a promise.
   */
  payloadOf(names: readonly string[]): unknown {
    const payload = this.#options.payloadOf?.(names);
    if (!types.isPromise(payload)) return payload;
    onRejection(payload);
    throw new MercureError(
      "ERR_OPTION",
      "The option payloadGetter returned a promise; it must return the payload synchronously.",
    );
  }

  /**
   * Returns the subject of the current request, from the option `subjectGetter`. Undefined, null and the empty string
   * stand for an anonymous visitor.
   *
   * @throws MercureError `ERR_OPTION` if the option does not return a string or a number synchronously.
   */
  subjectOf(): string | undefined {
    const subject: unknown = this.#options.subjectOf?.();
    if (subject === undefined || subject === null || subject === "") return undefined;
    if (typeof subject === "string" || typeof subject === "number") return String(subject);
    onRejection(subject);
    throw new MercureError(
      "ERR_OPTION",
      `The option subjectGetter must return a string or a number synchronously, not a ${typeof subject}.`,
    );
  }

  /** Returns the topics of the given names, as URLs carry them. */
  topics(topics: Topics): [string, ...string[]] {
    return topicNames(topics, this.#options.models);
  }

  /** Returns the selectors of a stream: the names of topics, and explicit patterns. */
  selectors(topics: Topics): [Selector, ...Selector[]] {
    return topicSelectors(topics, this.#options.models, this.#options.protocol);
  }

  /**
   * Returns the application's topics among those streamed, by the application's names. Topics of the hub or the kit are
   * replaced by the topics that they are about.
   */
  watchedTopics(topics: readonly string[]): string[] {
    const watched = topics.map((topic) => watchedTopic(this.#options.hub.path, topic) ?? applicationTopic(topic));
    return [...new Set(watched.map(nameOf))];
  }

  protected requirePresence(what: string): Presence {
    const { presence } = this.#options;
    if (presence === undefined)
      throw embeddedHubRequired(what, "use sse.getSubscriptions, and give MercurePresence its own topic");
    return presence;
  }

  /**
   * Returns the selectors of a token that the application creates by hand.
   *
   * @throws MercureError `ERR_TOPIC` for a token that the hub would reject.
   */
  #grantedSelectors(topics: Topics): [Selector, ...Selector[]] {
    const selectors = this.selectors(topics);
    checkGranted(selectors, this.#options.protocol, this.#options.streamLimits);
    return selectors;
  }

  /** Returns the selectors of the subscription events of topics. Mercure 0.x and 1.0 "Subscription Events". */
  #eventSelectors(topics: Topics): Selector[] {
    return this.subscriptionTopics(topics).map((topic) => {
      if (typeof topic === "string") return { text: topic };
      return topic.match_type === "urlpattern" ? { text: topic.match, matchType: "urlpattern" } : { text: topic.match };
    });
  }

  #withEvents(selectors: Selector[], topics: Topics, { withSubscriptions = false }: StreamExtras): Selector[] {
    return withSubscriptions ? [...selectors, ...this.#eventSelectors(topics)] : selectors;
  }

  #presenceSelectors(topics: Topics): Selector[] {
    const presence = this.requirePresence("with_presence");
    return this.topics(topics).map((name) => {
      presence.watch(name);
      return { text: presenceTopic(name) };
    });
  }

  /**
   * Returns the selectors of a variant. Its private updates have a separate name, so a public stream of the variant
   * does not receive them.
   */
  #variantSelectors(selectors: readonly Selector[], variant: string, isPrivate: boolean): Selector[] {
    const names = selectors.map(({ text, matchType }) => (matchType === "urlpattern" ? "*" : text));
    this.#options.variants.rendered(names, variant);
    const own = isPrivate ? variantTopics(names, variant, "private-variant") : [];
    return [...variantTopics(names, variant, "variant"), ...own].map((text) => ({ text }));
  }

  #noteWithoutVariant(selectors: readonly Selector[]): void {
    this.#options.variants.renderedPlain(
      selectors.map(({ text, matchType }) => (matchType === "urlpattern" ? "*" : text)),
    );
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
    const url = streamUrl({
      protocol,
      hub: hubUrl,
      selectors,
      lastEventId,
      token,
      grant,
      isOwnHub,
    });
    checkUrl(url, streamLimits, isOwnHub ? page?.headBytes() : undefined);
    return url;
  }

  /**
   * Issues a token to the page's viewer, in the stream's URL or in a cookie.
   *
   * @param of - The stream's topics, for the payload. Without them the token has no payload.
   * @param payload - The token's payload. Default: the application's payload for these topics.
   */
  #authorize(granted: readonly Selector[], of?: readonly Selector[], payload?: unknown): StreamAuthorization {
    const { pages, protocol, streamLimits, unbound, tokens, tokenMode } = this.#options;
    checkGranted(granted, protocol, streamLimits);
    const bearer = () => ({ payload: payload ?? (of && this.#payloadOf(of)), subject: this.subjectOf() });
    const grant = grantName(tokens, granted, of);
    if (tokenMode === "url") {
      const sign = () => {
        this.#check(granted);
        return tokens.forSubscriber(granted, bearer());
      };
      return { token: this.#handOut(sign), grant };
    }
    if (pages.current === undefined) {
      const wayOut = 'render it in a request, or set tokenMode to "url"';
      throw new MercureError(
        "ERR_TOKEN",
        `A private stream's token needs a cookie, but no response is known: ${wayOut}.`,
      );
    }
    const give = () => {
      const page = pages.current!;
      page.onToken();
      this.#check(granted);
      const said = bearer();
      page.keepToken(grant, granted, (all, hash) => tokens.forSubscriber(all, { ...said, cookieHash: hash }));
      return grant;
    };
    if (pages.rendering !== undefined) return { grant: give() };
    // Only the response that sends the stream determines the browser that gets the cookie.
    pages.current.onToken();
    this.#check(granted);
    return { grant: unbound.noteCookieGrant({ page: pages.current, give }) };
  }

  /** Notes a token, so that responses that contain it are not cached. */
  #handmade(token: string): string {
    this.#options.unbound.noteHandmade(token);
    return token;
  }

  /**
   * Returns a token for the viewer of the current response. Without a response, the response that sends the token
   * replaces it with its own viewer's.
   */
  #handOut(make: () => string): string {
    const { pages, unbound } = this.#options;
    const give = () => {
      pages.current?.onToken();
      return make();
    };
    const token = give();
    if (pages.rendering === undefined) unbound.noteGrant(token, { page: pages.current, give });
    return token;
  }

  /** The application's base path as browsers see it: from the request, or from the options outside of a request. */
  get #basePath(): string {
    return this.#options.pages.current?.basePath ?? this.#options.basePath();
  }

  /**
   * Checks that the current request may stream the selectors.
   *
   * @throws MercureError `ERR_FORBIDDEN` if it may not, `ERR_OPTION` if the option `authorize` returns a promise.
   */
  #check(granted: readonly Selector[]): void {
    this.#options.permissions.assert(
      this.#options.pages.current?.request as object | undefined,
      this.watchedTopics(granted.map(({ text }) => text)),
    );
  }

  #payloadOf(selectors: readonly Selector[]): unknown {
    return this.payloadOf(selectors.map(({ text }) => nameOf(text)));
  }
}

/** The authorization of a stream's request: a token in its URL, or the name of a grant in a cookie. */
interface StreamAuthorization {
  readonly token?: string | undefined;
  readonly grant?: string | undefined;
}

function lifetimeOf({ expiresIn }: JwtOptions): number | undefined {
  if (expiresIn === undefined || (Number.isFinite(expiresIn) && expiresIn > 0)) return expiresIn;
  throw new MercureError("ERR_OPTION", `expiresIn must be a number of seconds above 0, not ${String(expiresIn)}.`);
}

/**
 * Returns a hash that names a grant's cookie. Equal grants have equal names. The hash includes the key of the tokens:
 * cookies ignore ports, so another kit's token for the same topics would otherwise overwrite this one's.
 */
function grantName(tokens: Tokens, granted: readonly Selector[], of: readonly Selector[] = []): string {
  const texts = [granted, of].map((selectors) =>
    selectors.map((each) => `${each.matchType ?? ""} ${each.text}`).sort(),
  );
  return tokens.mark(JSON.stringify(["grant", ...texts])).slice(0, 22);
}
