import { types } from "node:util";
import type { Hub } from "../../hub/hub.js";
import { type Selector, selectorPath, watchedTopic } from "../../protocol/active-subscription.js";
import { nameOf } from "../../protocol/carried-name.js";
import type { TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import { applicationTopic, presenceEvent, presenceTopic, variantOf } from "../../protocol/own-topics.js";
import { grantParameter } from "../../protocol/tokens/authz-cookies.js";
import { MercureError } from "../../shared/errors.js";
import { refuseUnknownOptions } from "../../shared/known-options.js";
import { onRejection } from "../../shared/on-rejection.js";
import { pathBelow } from "../path-below.js";
import type { Presence } from "../presence/presence.js";
import { type Topics, topicNames, topicSelectors } from "../publish/topics.js";
import { variantText, variantTopics } from "../publish/variants.js";
import type { PublisherOptions } from "../publisher-options.js";
import { ExternalHub, noHubInProcess } from "../remote/remote-hub.js";
import { checkGranted, checkSelectors, checkUrl } from "./stream-limits.js";
import { streamUrl } from "./stream-url.js";
import type { Tokens } from "./tokens.js";

/** Options of tokens that the application asks for. */
export interface JwtOptions {
  /** What other subscribers may learn of the bearer. Default nothing. */
  payload?: unknown;
  /** Who bears it, for `sse.disconnect({ subject })`. Default nobody in particular. */
  subject?: string | undefined;
  /** How long the token is valid, in seconds. Default: the option `tokenLifetime`. */
  expiresIn?: number | undefined;
}

/** What the URL or the token of a stream holds besides its topics. */
export interface StreamExtras {
  /** What other subscribers may learn of the bearer. Default: what the option `payloadGetter` gives. */
  payload?: unknown;
  /** Whether to add the events of those who subscribe to the topics, which are private. Default false. */
  withSubscriptions?: boolean | undefined;
}

const streamExtras: readonly string[] = ["payload", "withSubscriptions"] satisfies (keyof StreamExtras)[];

const jwtOptions: readonly string[] = ["payload", "subject", "expiresIn"] satisfies (keyof JwtOptions)[];

/** What a stream of a tag shall bring besides public updates. */
export interface ConnectionOptions {
  /** Private updates of its topics. */
  readonly private: boolean;
  /** The events of those who subscribe to its topics. */
  readonly withSubscriptions: boolean;
  /** Word of it when other people stream its topics than before. */
  readonly withPresence: boolean;
  /** What kind of viewer it is for; undefined for none in particular. */
  readonly variant: unknown;
}

/** Tells clients where to receive topics, and gives them the tokens for it: just those that they need. */
export class StreamAccess {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /**
   * The URL at which any EventSource receives the topics' updates, from when the current request began.
   *
   * @param jwt a subscriber's token, for private updates; it stands in the URL, with Mercure 1.0 in its fragment, which
   * the kit's script alone reads. Default: none, or one that grants nothing where the hub takes no anonymous subscribers.
   */
  hubUrl(topics: Topics, jwt?: string, extras: Pick<StreamExtras, "withSubscriptions"> = {}): string {
    refuseUnknownOptions(extras, ["withSubscriptions"], "hubUrl");
    const selectors = this.selectors(topics);
    this.#noteWithoutVariant(selectors);
    const streamed = this.#withEvents(selectors, topics, extras);
    if (jwt !== undefined) return this.#streamUrl(streamed, () => ({ token: this.#handOut(() => jwt) }));
    return this.#streamUrl(streamed, () => (this.#options.allowAnonymous ? {} : this.#authorize([], selectors)));
  }

  /** The same with a token that grants the private updates of just these topics, in the URL or in a cookie. */
  authentifiedHubUrl(topics: Topics, extras: StreamExtras = {}): string {
    refuseUnknownOptions(extras, streamExtras, "authentifiedHubUrl");
    const selectors = this.selectors(topics);
    this.#noteWithoutVariant(selectors);
    const { tokenMode } = this.#options;
    const granted = this.#withEvents(selectors, topics, extras);
    return this.#streamUrl(granted, () => {
      // Without a grant's name a refusal is a status, at which any EventSource stops.
      const { token, grant } = this.#authorize(granted, selectors, extras.payload);
      return tokenMode === "url" ? { token } : { grant };
    });
  }

  /** A token that grants the private updates of just these topics, and expires. */
  subscriberJwt(topics: Topics, extras: StreamExtras = {}): string {
    refuseUnknownOptions(extras, streamExtras, "subscriberJwt");
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

  /** A token for whoever the application gives it to: it lets them receive the private updates of these topics. */
  createSubscriberJwt(topics: Topics, options: JwtOptions = {}): string {
    refuseUnknownOptions(options, jwtOptions, "createSubscriberJwt");
    const selectors = this.#grantedSelectors(topics);
    this.#noteWithoutVariant(selectors);
    const { tokens } = this.#options;
    return this.#handmade(tokens.forSubscriber(selectors, { ...options, lifetime: lifetimeOf(options) }));
  }

  /** A token for whoever the application gives it to: it lets them publish to these topics over HTTP. */
  createPublisherJwt(topics: Topics, options: JwtOptions = {}): string {
    refuseUnknownOptions(options, jwtOptions, "createPublisherJwt");
    const { tokens } = this.#options;
    const granted = this.#grantedSelectors(topics);
    return this.#handmade(tokens.forOtherPublisher(granted, { ...options, lifetime: lifetimeOf(options) }));
  }

  /** The URL of a tag's stream, with a token for just what it asks for. */
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
   * The URL of a stream of nothing but word of it when other people stream topics than before; where nobody in this
   * process knows, of the events of all who subscribe to them.
   */
  presenceUrl(topics: Topics): string {
    const { presence } = this.#options;
    const events = presence === undefined ? this.#eventSelectors(topics) : this.#presenceSelectors(topics);
    return this.#streamUrl(events, () => this.#authorize(events));
  }

  /**
   * Where the stream of such a URL gets a new token; undefined where its page gives it one, or where it has none. Which
   * variant a viewer is shown only the page knows.
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
   * The types of the events that tell pages to look again who is there. Those of subscriptions come without a type in
   * Mercure 0.x, and as `mercure` in 1.0.
   */
  get presenceEvents(): readonly string[] {
    return this.#options.presence === undefined ? ["message", "mercure"] : [presenceEvent];
  }

  /**
   * What brings the events that tell who subscribes to topics; their updates are private. Other hubs know no topic for all
   * subscribers of one, so that there a pattern stands for them: a topic matcher with a URI template, or with Mercure 1.0 a URL pattern.
   */
  subscriptionTopics(topics: Topics): [string | TopicMatcher, ...(string | TopicMatcher)[]] {
    const { hub, protocol } = this.#options;
    const match_type = protocol === 0 ? "uritemplate" : "urlpattern";
    const [first, ...others] = this.#eventSelectors(topics).map(({ text }) => {
      return hub instanceof ExternalHub ? ({ match: text, match_type } as const) : text;
    });
    return [first!, ...others];
  }

  /**
   * What a stream of topics says of its bearer to other subscribers.
   *
   * @param names - As the application knows them.
   */
  payloadOf(names: readonly string[]): unknown {
    const payload = this.#options.payloadOf?.(names);
    if (!types.isPromise(payload)) return payload;
    onRejection(payload);
    throw new MercureError("ERR_OPTION", "The option payloadGetter must give its payload at once, and no promise.");
  }

  /** Whose the request that is under way is. */
  subjectOf(): string | undefined {
    const subject: unknown = this.#options.subjectOf?.();
    if (subject === undefined || subject === null || subject === "") return undefined;
    if (typeof subject === "string" || typeof subject === "number") return String(subject);
    onRejection(subject);
    throw new MercureError(
      "ERR_OPTION",
      `The option subjectGetter must give a string or a number at once, not a ${typeof subject}.`,
    );
  }

  /** The topics that carry the names, as they stand in URLs. */
  topics(topics: Topics): [string, ...string[]] {
    return topicNames(topics, this.#options.models);
  }

  /** What a stream of topics asks for: their names, and the patterns that are said to be such. */
  selectors(topics: Topics): [Selector, ...Selector[]] {
    return topicSelectors(topics, this.#options.models, this.#options.protocol);
  }

  /** Of what is streamed, the topics that the application knows, by its names: others are the hub's own, or the kit's. */
  watchedTopics(topics: readonly string[]): string[] {
    const watched = topics.map((topic) => watchedTopic(this.#hubPath, topic) ?? applicationTopic(topic));
    return [...new Set(watched.map(nameOf))];
  }

  /** The hub in this process; where there is none, an error that names the way out. */
  protected ownHub(what: string, wayOut: string): Hub {
    const { hub } = this.#options;
    if (hub instanceof ExternalHub) throw noHubInProcess(what, wayOut);
    return hub;
  }

  protected presenceHere(what: string): Presence {
    const { presence } = this.#options;
    if (presence === undefined)
      throw noHubInProcess(what, "ask sse.getSubscriptions, and give MercurePresence its own topic");
    return presence;
  }

  /** The selectors of a token that the application asks for. */
  #grantedSelectors(topics: Topics): [Selector, ...Selector[]] {
    const selectors = this.selectors(topics);
    checkGranted(selectors, this.#options.protocol, this.#options.streamLimits);
    return selectors;
  }

  /** What brings the events of those who subscribe to topics. Mercure 0.x and 1.0 "Subscription Events". */
  #eventSelectors(topics: Topics): Selector[] {
    const { hub, protocol } = this.#options;
    const hubPath = this.#hubPath;
    return this.selectors(topics).map(({ text, matchType = "exact" }) => {
      if (protocol === 0) {
        return { text: selectorPath(hubPath, { text }) + (hub instanceof ExternalHub ? "{/subscriber}" : "") };
      }
      const path = selectorPath(hubPath, { text, matchType });
      return hub instanceof ExternalHub ? { text: `${path}/:subscriber`, matchType: "urlpattern" } : { text: path };
    });
  }

  /** Selectors of topics, and those of the events of their subscribers where they are asked for. */
  #withEvents(selectors: Selector[], topics: Topics, { withSubscriptions = false }: StreamExtras): Selector[] {
    return withSubscriptions ? [...selectors, ...this.#eventSelectors(topics)] : selectors;
  }

  /** With which the hub's own topics begin. */
  get #hubPath(): string {
    const { hub } = this.#options;
    return hub instanceof ExternalHub ? hub.path : hub.publicPath;
  }

  #presenceSelectors(topics: Topics): Selector[] {
    const presence = this.presenceHere("with_presence");
    return this.topics(topics).map((name) => {
      presence.watch(name);
      return { text: presenceTopic(name) };
    });
  }

  /** Private updates have a name of their own: a public stream of the variant must not get them. */
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

  /** @throws MercureError `ERR_TOPIC` for a URL that the hub would refuse, before anything is given to the viewer. */
  #streamUrl(selectors: readonly Selector[], authorize: () => StreamAuthorization): string {
    const { hub, protocol, pages, publicHubUrl, streamLimits, unbound } = this.#options;
    checkSelectors(selectors, protocol, streamLimits);
    const { token, grant } = authorize();
    const page = pages.rendering;
    // A hub elsewhere is no part of the application, wherever that is mounted.
    const isBelow = !(hub instanceof ExternalHub) && publicHubUrl.startsWith("/");
    const hubUrl = isBelow ? pathBelow(this.#basePath, publicHubUrl, hub.path) : publicHubUrl;
    const { lastEventId } = page ?? hub;
    if (page === undefined) unbound.notePosition(lastEventId, hubUrl);
    else page.onStream(hubUrl);
    const isOwnHub = !(hub instanceof ExternalHub);
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
   * Gives whoever the page is for a token, in the stream's URL or in a cookie.
   *
   * @param of - The topics of the stream for which the token speaks for its bearer; without them it says nothing.
   * @param payload - What it says. Default: what the application says for these topics.
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
        `A private stream's token goes into a cookie, but there is no response: ${wayOut}.`,
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
    // Only the response that sends the stream says whose browser gets the cookie.
    pages.current.onToken();
    this.#check(granted);
    return { grant: unbound.noteCookieGrant({ page: pages.current, give }) };
  }

  /** Keeps whatever response hands a token out from caches. */
  #handmade(token: string): string {
    this.#options.unbound.noteHandmade(token);
    return token;
  }

  /** Writes a token into a page: for the viewer whom its response names, or will name when it sends the token. */
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

  /** The path below which browsers find the application, by the request or, outside of one, by the options. */
  get #basePath(): string {
    return this.#options.pages.current?.basePath ?? this.#options.basePath();
  }

  /** @throws MercureError `ERR_FORBIDDEN`, `ERR_OPTION` */
  #check(granted: readonly Selector[]): void {
    this.#options.permissions.check(
      this.#options.pages.current?.request as object | undefined,
      this.watchedTopics(granted.map(({ text }) => text)),
    );
  }

  #payloadOf(selectors: readonly Selector[]): unknown {
    return this.payloadOf(selectors.map(({ text }) => nameOf(text)));
  }
}

/** How a stream's request is authorized: by a token in its URL, or by the cookie of this grant. */
interface StreamAuthorization {
  readonly token?: string | undefined;
  readonly grant?: string | undefined;
}

function lifetimeOf({ expiresIn }: JwtOptions): number | undefined {
  if (expiresIn === undefined || (Number.isFinite(expiresIn) && expiresIn > 0)) return expiresIn;
  throw new MercureError("ERR_OPTION", `expiresIn is a number of seconds, more than 0, not ${String(expiresIn)}.`);
}

/**
 * The same for the same grant: a hash, for the names of cookies. It depends on the key of the tokens too: cookies ignore
 * ports, and another kit's token for the same topics must not take the place of this one's.
 */
function grantName(tokens: Tokens, granted: readonly Selector[], of: readonly Selector[] = []): string {
  const texts = [granted, of].map((selectors) =>
    selectors.map((each) => `${each.matchType ?? ""} ${each.text}`).sort(),
  );
  return tokens.mark(JSON.stringify(["grant", ...texts])).slice(0, 22);
}
