import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { MercureError } from "../errors.js";
import { escapeHtml } from "../escape-html.js";
import type { Hub } from "../hub/hub.js";
import { refuseUnknownOptions } from "../known-options.js";
import type { TokenMode } from "../options.js";
import {
  type Selector,
  type SubscriptionDocument,
  selectorPath,
  watchedTopic,
} from "../protocol/active-subscription.js";
import { grantParameter } from "../protocol/authz-cookies.js";
import { connectionEvents } from "../protocol/connection-events.js";
import type { DisconnectTarget } from "../protocol/disconnection.js";
import type { Generation } from "../protocol/generation.js";
import { applicationTopic, presenceEvent, presenceTopic, variantOf } from "../protocol/own-topics.js";
import type { Draft, Update } from "../protocol/update.js";
import { applicationSubscriptions } from "./application-subscriptions.js";
import { dataText } from "./data.js";
import { ExternalHub, noHubInProcess } from "./external-hub.js";
import type { ModelClass, ModelDeclaration, Models } from "./models.js";
import type { Pages } from "./page.js";
import type { Permissions } from "./permissions.js";
import type { Presence } from "./presence.js";
import { publishToRemoteHub } from "./remote-hub.js";
import type { Person } from "./room.js";
import { type EventSourceOfSignals, publishSignal, type SignalOptions } from "./signals.js";
import { streamUrl } from "./stream-url.js";
import type { Tokens } from "./tokens.js";
import { type Topic, type TopicMatcher, type Topics, topicNames, topicSelectors } from "./topics.js";
import { type Variants, variantText, variantTopics } from "./variants.js";

export interface PublishOptions {
  /** Whether only subscribers whose token grants a topic receive the update. Default false. */
  private?: boolean | undefined;
  /** The event's type; true means the topic. Default: none, or the topic with the option `typeIsTopic`. */
  type?: string | boolean | undefined;
  /** The update's id, unique in the hub. Default: the hub makes one. */
  id?: string | undefined;
  /** The reconnection time for clients, in milliseconds. Default: the client's own. */
  retry?: number | undefined;
  /** Variants to publish for besides those that this process knows to be streamed. Default none. */
  variants?: readonly unknown[] | undefined;
  /** The publisher's token for a remote hub. Default: the option `publisherJwt`, else one made for these topics. */
  jwt?: string | undefined;
  /** Another hub to publish to, over HTTP. Default: the option `hubUrl` of the kit, else the hub in this process. */
  hubUrl?: string | undefined;
}

/** Options of tokens that the application asks for. */
export interface JwtOptions {
  /** What other subscribers may learn of the bearer. Default nothing. */
  payload?: unknown;
  /** Who bears it, for `sse.disconnect({ subject })`. Default nobody in particular. */
  subject?: string | undefined;
  /** How long the token is valid, in seconds. Default: the option `tokenLifetime`. */
  expiresIn?: number | undefined;
}

const publishOptions: readonly string[] = [
  "private",
  "type",
  "id",
  "retry",
  "variants",
  "jwt",
  "hubUrl",
] satisfies (keyof PublishOptions)[];

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

/** Makes the data for one kind of viewer; undefined stands for streams without a variant. */
// biome-ignore lint/suspicious/noExplicitAny: what a variant is only the application knows
export type VariantRenderer = (variant: any) => unknown;

/** Whose streams `disconnect` ends: one of these. */
export interface DisconnectOptions {
  /** The subject of their tokens, see the option `subjectGetter`. */
  readonly subject?: string | undefined;
  /** What they stream: a topic, or several. */
  readonly topic?: Topics | undefined;
  /** The one stream that {@link Publisher.getSubscriptions} calls so. */
  readonly subscriber?: string | undefined;
}

/** Which payloads count: those that have all of these properties, deeply equal, or those that the function accepts. */
export type PayloadFilter = Readonly<Record<string, unknown>> | ((payload: unknown) => boolean);

/** Renders a model object's component. */
export interface ModelRenderer {
  has(component: string): boolean;
  render(component: string, props: object): unknown;
}

export interface PublisherOptions {
  /** The hub in this process, or the one that takes its place. */
  readonly hub: Hub | ExternalHub;
  /** The generation of Mercure that streams and tokens speak. */
  readonly protocol: Generation;
  readonly tokens: Tokens;
  /** Where the tokens of streams are: in their URLs, or in cookies. */
  readonly tokenMode: TokenMode;
  readonly permissions: Permissions;
  /** The path within the application at which streams get new tokens; undefined where their pages do that. */
  readonly renewalPath: string | undefined;
  /** Who is there; undefined where nobody in this process knows. */
  readonly presence?: Presence | undefined;
  readonly variants: Variants;
  readonly models: Models;
  readonly pages: Pages;
  readonly renderer: ModelRenderer;
  /** The path of the hub within the application, or its public URL. */
  readonly publicHubUrl: string;
  /** Whether the hub takes subscribers without a token. */
  readonly allowAnonymous: boolean;
  readonly typeIsTopic: boolean;
  /** What a token for these topics says of its bearer to other subscribers. */
  readonly payloadOf?: ((topics: readonly string[]) => unknown) | undefined;
  /** Whose the request that is under way is: the subject of the tokens that are made for it. */
  readonly subjectOf?: (() => string | undefined) | undefined;
  /** Told of what goes wrong where no caller can be. */
  onError(message: string, error: unknown): void;
}

/** Publishes updates, and tells clients where to receive them. */
export class Publisher {
  readonly #options: PublisherOptions;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /**
   * Publishes data on a topic; resolves to the update's id once the hub has kept it.
   *
   * A function as data is called once for each live variant of the topic's streams, and with undefined where somebody
   * may stream it without one; it may be asynchronous. Then this resolves to the ids of all updates, none when nobody
   * streams the topic.
   *
   * A model object as data is rendered by the component that its class names. Given alone, it is published on its own
   * topic. Strings go out as they are: text that somebody typed belongs into a component or into `` html`…` ``.
   *
   * @throws MercureError `ERR_TOPIC`, `ERR_MODEL`, `ERR_DATA`, `ERR_UPDATE` for what cannot be published, `ERR_TOKEN` for
   * data that holds the token of a private stream, since everybody who receives it would have it, `ERR_PUBLISH`
   * when a hub elsewhere does not take it, `ERR_CLOSED` after the kit was closed.
   */
  publish(topics: Topics, render: VariantRenderer, options?: PublishOptions): Promise<string[]>;
  publish(topics: Topics, data?: unknown, options?: PublishOptions): Promise<string>;
  async publish(...args: [topics: Topics, data?: unknown, options?: PublishOptions]): Promise<string | string[]> {
    const [topics, data, options = {}] = args;
    refuseUnknownOptions(options, publishOptions, "publish");
    const names = this.topics(topics);
    if (isRenderer(data)) return this.#publishVariants(names, data, options);
    const isAlone = args.length === 1 && this.#options.models.isObject(topics);
    const [text, settings] = this.#content(isAlone ? topics : data, options);
    const audience = settings.private ? "private-variant" : "variant";
    const variants = this.#liveVariants(names, settings);
    const others = variants.flatMap((variant) => variantTopics(names, variant, audience));
    const draft = this.#draft(names, text, settings);
    return this.#send({ ...draft, topics: [...names, ...others] }, settings);
  }

  /** Deletes the element of this id from every page that streams the topic, by an out-of-band swap. */
  async remove(topics: Topics, id: string | number, options: PublishOptions = {}): Promise<string> {
    if (!/^[^#\s]\S*$/.test(String(id ?? ""))) {
      const given = JSON.stringify(id) ?? typeof id;
      throw new MercureError("ERR_DATA", `remove() takes the id of an element, such as "todo-7", not ${given}.`);
    }
    return this.publish(topics, `<div id="${escapeHtml(String(id))}" hx-swap-oob="delete"></div>`, options);
  }

  /** Declares how the objects of a class are topics and data. */
  model<T extends object>(model: ModelClass<T>, declaration: ModelDeclaration<T>): void {
    this.#options.models.declare(model, declaration);
  }

  /** Publishes an update for each event of an emitter. Returns the way to stop. */
  publishSignal<Args extends unknown[] = unknown[]>(
    emitter: EventSourceOfSignals,
    event: string | symbol,
    options: SignalOptions<Args> = {},
  ): () => void {
    return publishSignal(emitter, event, options, {
      publish: (topics, data, settings) => this.publish(topics, data, settings),
      onError: (error) => this.#options.onError(`publishing the event "${String(event)}" failed`, error),
    });
  }

  /**
   * The URL at which any EventSource receives the topics' updates, from when the current request began.
   *
   * @param jwt a subscriber's token, for private updates; it stands in the URL, with Mercure 1.0 in its fragment, which
   * the kit's script alone reads. Default: none, or one that grants nothing where the hub takes no anonymous subscribers.
   */
  hubUrl(topics: Topics, jwt?: string): string {
    const selectors = this.selectors(topics);
    this.#noteWithoutVariant(selectors);
    if (jwt !== undefined) return this.#streamUrl(selectors, { token: jwt });
    return this.#streamUrl(selectors, this.#options.allowAnonymous ? {} : this.#authorize([], selectors));
  }

  /** The same with a token that grants the private updates of just these topics, in the URL or in a cookie. */
  authentifiedHubUrl(topics: Topics): string {
    const selectors = this.selectors(topics);
    this.#noteWithoutVariant(selectors);
    const { tokenMode } = this.#options;
    // Without a grant's name a refusal is a status, at which any EventSource stops.
    const { token, grant } = this.#authorize(selectors, selectors);
    return this.#streamUrl(selectors, tokenMode === "url" ? { token } : { grant });
  }

  /** A token that grants the private updates of just these topics, and expires. */
  subscriberJwt(topics: Topics): string {
    const selectors = this.selectors(topics);
    this.#noteWithoutVariant(selectors);
    this.#check(selectors);
    this.#options.pages.current?.onToken();
    return this.#options.tokens.forSubscriber(selectors, {
      payload: this.#payloadOf(selectors),
      subject: this.subjectOf(),
    });
  }

  /** A token for whoever the application gives it to: it lets them receive the private updates of these topics. */
  createSubscriberJwt(topics: Topics, options: JwtOptions = {}): string {
    refuseUnknownOptions(options, jwtOptions, "createSubscriberJwt");
    const selectors = this.selectors(topics);
    this.#noteWithoutVariant(selectors);
    return this.#options.tokens.forSubscriber(selectors, { ...options, lifetime: lifetimeOf(options) });
  }

  /** A token for whoever the application gives it to: it lets them publish to these topics over HTTP. */
  createPublisherJwt(topics: Topics, options: JwtOptions = {}): string {
    refuseUnknownOptions(options, jwtOptions, "createPublisherJwt");
    return this.#options.tokens.forOtherPublisher(this.selectors(topics), {
      ...options,
      lifetime: lifetimeOf(options),
    });
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
    return this.#streamUrl([...streamed, ...events], needsToken ? this.#authorize(granted, selectors) : {});
  }

  /**
   * The URL of a stream of nothing but word of it when other people stream topics than before; where nobody in this
   * process knows, of the events of all who subscribe to them.
   */
  presenceUrl(topics: Topics): string {
    const { presence } = this.#options;
    const events = presence === undefined ? this.#eventSelectors(topics) : this.#presenceSelectors(topics);
    return this.#streamUrl(events, this.#authorize(events));
  }

  /** Where the stream of such a URL gets a new token; undefined where its page gives it one, or where it has none. */
  renewalUrl(url: string): string | undefined {
    const { renewalPath, pages } = this.#options;
    if (renewalPath === undefined || !/[?&#](authorization|grant)=/.test(url)) return undefined;
    const [, grant] = /[?&#]grant=([\w-]+)/.exec(url) ?? [];
    const query = grant === undefined ? "" : `?${grantParameter}=${grant}`;
    return `${pages.current?.mountPath ?? ""}${renewalPath}${query}`;
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
   * subscribers of one, so that there a pattern stands for them: a URI template, or a topic matcher of Mercure 1.0.
   */
  subscriptionTopics(topics: Topics): [string | TopicMatcher, ...(string | TopicMatcher)[]] {
    const [first, ...others] = this.#eventSelectors(topics).map(({ text, matchType }) => {
      return matchType === "urlpattern" ? { match: text, match_type: matchType } : text;
    });
    return [first!, ...others];
  }

  /**
   * Whether anybody is subscribed to a topic by its name now; with a filter, anybody whose token has such a payload, see
   * the option `payloadGetter`. With the option `hub.subscriptions: false` nobody is.
   */
  async isConnected(topic: Topics, payloadFilter?: PayloadFilter): Promise<boolean> {
    const subscriptions = await this.getSubscriptions(topic);
    return subscriptions.some(({ payload }) => passes(payload, payloadFilter));
  }

  /**
   * Who streams a topic now, each person once, however many windows they have open; in the order in which they came.
   * The options `payloadGetter` and `presenceKey` say who is who, `presenceGrace` how long somebody may be away. Nobody
   * is there with the option `hub.subscriptions: false`.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` where the hub is in another process.
   */
  presence(topics: Topics): Person[] {
    const people = new Map<string, Person>();
    for (const person of this.topics(topics).flatMap((topic) => this.#presence("sse.presence").of(topic))) {
      const connections = person.connections + (people.get(person.key)?.connections ?? 0);
      people.set(person.key, { ...person, connections });
    }
    return [...people.values()];
  }

  /**
   * The active subscriptions: all, those of topics, or those of one subscriber among them. A hub elsewhere is asked over
   * HTTP.
   *
   * @throws MercureError `ERR_SUBSCRIPTIONS` when that one does not tell.
   */
  async getSubscriptions(topics?: Topics, subscriber?: string): Promise<SubscriptionDocument[]> {
    const { hub } = this.#options;
    if (!(hub instanceof ExternalHub)) return this.listSubscriptions(topics, subscriber);
    const names = topics === undefined ? [undefined] : this.topics(topics);
    const found = (await Promise.all(names.map((topic) => hub.subscriptions(topic)))).flat();
    return found.filter((each) => subscriber === undefined || each.subscriber === subscriber);
  }

  /** The same at once, for templates, which cannot wait for a hub elsewhere. */
  listSubscriptions(topics?: Topics, subscriber?: string): SubscriptionDocument[] {
    const hub = this.ownHub("mercure_subscriptions", "pass what sse.getSubscriptions() gives to the template");
    if (topics === undefined) return applicationSubscriptions(hub.subscriptions(undefined, subscriber));
    const names = this.topics(topics).flatMap((topic) => {
      const variants = this.#options.variants.of([topic]);
      return [topic, ...variants.flatMap((variant) => variantTopics([topic], variant, "variant"))];
    });
    return applicationSubscriptions(names.flatMap((name) => hub.subscriptions(name, subscriber)));
  }

  /**
   * Ends streams now, on every hub node that the transport reaches, and refuses the tokens that were made for them until
   * this moment: those of a `subject` (see the option `subjectGetter`), those that grant a `topic`, or that of one
   * `subscriber`. Public streams of a topic end too, and their clients come back.
   *
   * @throws MercureError `ERR_OPTION` unless exactly one is named, `ERR_TOPIC` and `ERR_MODEL` for what names no topic,
   * `ERR_EXTERNAL_HUB` where the hub is in another process, `ERR_CLOSED`.
   */
  async disconnect(target: DisconnectOptions): Promise<void> {
    const hub = this.ownHub("sse.disconnect", "there tokens only expire; choose a short tokenLifetime");
    const { topic } = target;
    const targets = topic === undefined ? [target] : this.topics(topic).map((name) => ({ ...target, topic: name }));
    const disconnect = () => Promise.all(targets.map((each) => hub.disconnect(each as DisconnectTarget)));
    const { presence } = this.#options;
    await (presence?.withoutGrace(disconnect) ?? disconnect());
  }

  /** What a stream of these topics says of its bearer to other subscribers. */
  payloadOf(topics: readonly string[]): unknown {
    const payload = this.#options.payloadOf?.(topics);
    if (!(payload instanceof Promise)) return payload;
    payload.catch(() => {});
    throw new MercureError("ERR_OPTION", "The option payloadGetter must give its payload at once, and no promise.");
  }

  /** Whose the request that is under way is. */
  subjectOf(): string | undefined {
    const subject: unknown = this.#options.subjectOf?.();
    if (subject === undefined || subject === null || subject === "") return undefined;
    if (typeof subject === "string" || typeof subject === "number") return String(subject);
    throw new MercureError(
      "ERR_OPTION",
      `The option subjectGetter must give a string or a number at once, not a ${typeof subject}.`,
    );
  }

  /** The names of topics, as they stand in URLs. */
  topics(topics: Topics): [string, ...string[]] {
    return topicNames(topics, this.#options.models);
  }

  /**
   * The updates of topics, private ones too, for code in this process: from now on, or from after `lastEventId`. Ends
   * with the loop, with the signal, or with the kit.
   *
   * @throws MercureError `ERR_HISTORY_GAP` to a reader so slow that the history no longer holds its next update,
   * `ERR_EXTERNAL_HUB` where the hub is in another process.
   */
  updates(topics: Topics, options: { lastEventId?: string; signal?: AbortSignal } = {}): AsyncIterableIterator<Update> {
    const hub = this.ownHub("sse.updates", "read sse.authentifiedHubUrl(topics) with an EventSource");
    const names = this.topics(topics);
    this.#options.variants.renderedPlain(names);
    return hub.updates(names, options);
  }

  /** The hub in this process; where there is none, an error that names the way out. */
  protected ownHub(what: string, wayOut: string): Hub {
    const { hub } = this.#options;
    if (hub instanceof ExternalHub) throw noHubInProcess(what, wayOut);
    return hub;
  }

  /** What data is as text, with the options that its class has for it. */
  #content(data: unknown, options: PublishOptions): [text: string, settings: PublishOptions] {
    const { models } = this.#options;
    if (!models.isObject(data) || !this.#isRendered(data)) return [dataText(data), options];
    return [this.#renderModel(data), { ...models.publishOptionsOf(data), ...defined(options) }];
  }

  /** Renders everything before it publishes anything: a mistake in one variant shall not show in the others only. */
  async #publishVariants(
    names: readonly string[],
    render: VariantRenderer,
    options: PublishOptions,
  ): Promise<string[]> {
    if (options.id !== undefined) {
      throw new MercureError("ERR_UPDATE", "An id is for one update; a function makes one for each variant.");
    }
    const drafts: [Draft, PublishOptions][] = [];
    if (options.hubUrl !== undefined || this.#options.variants.isPlain(names)) {
      const [text, settings] = this.#content(await render(undefined), options);
      drafts.push([this.#draft(names, text, settings), settings]);
    }
    for (const variant of this.#liveVariants(names, options)) {
      const [text, settings] = this.#content(await render(JSON.parse(variant)), options);
      const topics = variantTopics(names, variant, settings.private ? "private-variant" : "variant");
      drafts.push([{ ...this.#draft(names, text, settings), topics, private: true }, settings]);
    }
    return Promise.all(drafts.map(([draft, settings]) => this.#send(draft, settings)));
  }

  /** As JSON. What another hub's pages stream only their application knows. */
  #liveVariants(names: readonly string[], { hubUrl, variants = [] }: PublishOptions): readonly string[] {
    const known = hubUrl === undefined ? this.#options.variants.of(names) : [];
    return [...new Set([...known, ...variants.flatMap((variant) => variantText(variant) ?? [])])];
  }

  async #send(draft: Draft, { hubUrl, jwt }: PublishOptions): Promise<string> {
    const { hub, tokens } = this.#options;
    if (hubUrl !== undefined) return publishToRemoteHub(hubUrl, jwt ?? tokens.forPublisher(draft.topics), draft);
    return hub instanceof ExternalHub ? hub.publish(draft, jwt) : (await hub.publish(draft)).id;
  }

  #draft(names: readonly string[], data: string, settings: PublishOptions): Draft {
    if (this.#options.tokens.areIn(data)) {
      const wayOut =
        "send the element in the answer to a request, or let pages fetch it, for each viewer with their own";
      throw new MercureError("ERR_TOKEN", `The data holds a private stream's token, one viewer's: ${wayOut}.`);
    }
    const { private: isPrivate = false, type, id, retry } = settings;
    const givenType = type === undefined ? this.#options.typeIsTopic : type;
    const resolvedType = givenType === true ? names[0] : givenType || undefined;
    if (resolvedType !== undefined && connectionEvents.has(resolvedType)) {
      const message = `The type "${resolvedType}" is what an EventSource calls its own event: pages could not tell them apart.`;
      throw new MercureError("ERR_UPDATE", message);
    }
    return {
      topics: names,
      data,
      private: isPrivate,
      ...defined({ id, retry, type: resolvedType }),
    };
  }

  /** Whether data is a model object with a component, and not merely an object to be written as JSON. */
  #isRendered(subject: object): boolean {
    const { models, renderer } = this.#options;
    return models.isDeclared(subject) || renderer.has(models.componentOf(subject));
  }

  #renderModel(subject: object): string {
    const { models, renderer } = this.#options;
    return String(renderer.render(models.componentOf(subject), subject));
  }

  /** What a stream of topics asks for: their names, or with Mercure 1.0 matchers. */
  selectors(topics: Topics): [Selector, ...Selector[]] {
    return topicSelectors(topics, this.#options.models, this.#options.protocol);
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

  /** With which the hub's own topics begin. */
  get #hubPath(): string {
    const { hub } = this.#options;
    return hub instanceof ExternalHub ? hub.path : hub.publicPath;
  }

  #presenceSelectors(topics: Topics): Selector[] {
    const presence = this.#presence("with_presence");
    return this.topics(topics).map((name) => {
      presence.watch(name);
      return { text: presenceTopic(name) };
    });
  }

  #presence(what: string): Presence {
    const { presence } = this.#options;
    if (presence === undefined)
      throw noHubInProcess(what, "ask sse.getSubscriptions, and give MercurePresence its own topic");
    return presence;
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

  #streamUrl(selectors: readonly Selector[], { token, grant }: StreamAuthorization): string {
    const { hub, protocol, pages, publicHubUrl } = this.#options;
    const page = pages.current;
    // A hub elsewhere is no part of the application, wherever that is mounted.
    const mountPath = hub instanceof ExternalHub || !publicHubUrl.startsWith("/") ? "" : (page?.mountPath ?? "");
    const hubUrl = mountPath + publicHubUrl;
    page?.onStream(hubUrl);
    return streamUrl({
      protocol,
      hub: hubUrl,
      selectors,
      lastEventId: page?.lastEventId ?? hub.lastEventId,
      token,
      grant,
      isOwnHub: !(hub instanceof ExternalHub),
    });
  }

  /**
   * Gives whoever the page is for a token, in the stream's URL or in a cookie.
   *
   * @param of - The topics of the stream for which the token speaks for its bearer; without them it says nothing.
   */
  #authorize(granted: readonly Selector[], of?: readonly Selector[]): StreamAuthorization {
    const { pages, tokens, tokenMode } = this.#options;
    this.#check(granted);
    const page = pages.current;
    const bearer = { payload: of && this.#payloadOf(of), subject: this.subjectOf() };
    const grant = grantName(granted, of);
    page?.onToken();
    if (tokenMode === "url") return { token: tokens.forSubscriber(granted, bearer), grant };
    if (page === undefined) {
      const wayOut = 'render it in a request, or set tokenMode to "url"';
      throw new MercureError(
        "ERR_TOKEN",
        `A private stream's token goes into a cookie, but there is no response: ${wayOut}.`,
      );
    }
    page.keepToken(grant, granted, (all, hash) => tokens.forSubscriber(all, { ...bearer, cookieHash: hash }));
    return { grant };
  }

  /** @throws MercureError `ERR_FORBIDDEN`, `ERR_OPTION` */
  #check(granted: readonly Selector[]): void {
    this.#options.permissions.check(
      this.#options.pages.current?.request as object | undefined,
      this.watchedTopics(granted.map(({ text }) => text)),
    );
  }

  /** Notes that pages go on streaming what they were granted. */
  noteStreams(selectors: readonly Selector[]): void {
    for (const { text } of selectors) {
      const { topic, variant } = variantOf(text) ?? {};
      if (topic !== undefined) this.#options.variants.rendered([topic], variant!);
    }
  }

  /** Of what is streamed, the topics that the application knows: others are the hub's own, or the kit's. */
  watchedTopics(names: readonly string[]): string[] {
    return [...new Set(names.map((name) => watchedTopic(this.#hubPath, name) ?? applicationTopic(name)))];
  }

  #payloadOf(selectors: readonly Selector[]): unknown {
    return this.payloadOf(selectors.map(({ text }) => text));
  }
}

const jwtOptions: readonly string[] = ["payload", "subject", "expiresIn"] satisfies (keyof JwtOptions)[];

/** How a stream's request is authorized: by a token in its URL, or by the cookie of this grant. */
interface StreamAuthorization {
  readonly token?: string | undefined;
  readonly grant?: string | undefined;
}

function lifetimeOf({ expiresIn }: JwtOptions): number | undefined {
  if (expiresIn === undefined || (Number.isFinite(expiresIn) && expiresIn > 0)) return expiresIn;
  throw new MercureError("ERR_OPTION", `expiresIn is a number of seconds, more than 0, not ${String(expiresIn)}.`);
}

/** The same for the same grant: a hash, for the names of cookies. */
function grantName(granted: readonly Selector[], of: readonly Selector[] = []): string {
  const texts = [granted, of].map((selectors) =>
    selectors.map((each) => `${each.matchType ?? ""} ${each.text}`).sort(),
  );
  return createHash("sha256").update(JSON.stringify(texts)).digest().subarray(0, 16).toString("base64url");
}

/** A class is no function that renders. */
function isRenderer(data: unknown): data is VariantRenderer {
  return typeof data === "function" && !/^class\b/.test(Function.prototype.toString.call(data));
}

function passes(payload: unknown, filter: PayloadFilter = {}): boolean {
  if (typeof filter === "function") return filter(payload);
  const wanted = Object.entries(filter);
  if (wanted.length === 0) return true;
  if (typeof payload !== "object" || payload === null) return false;
  return wanted.every(([name, value]) => {
    return Object.hasOwn(payload, name) && isDeepStrictEqual((payload as Record<string, unknown>)[name], value);
  });
}

/** Leaves out what is undefined, so that it hides nothing. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

export type { Topic };
