import { isDeepStrictEqual } from "node:util";
import { MercureError } from "../errors.js";
import { escapeHtml } from "../escape-html.js";
import type { Hub } from "../hub/hub.js";
import { refuseUnknownOptions } from "../known-options.js";
import { type Selector, type SubscriptionDocument, selectorPath } from "../protocol/active-subscription.js";
import { connectionEvents } from "../protocol/connection-events.js";
import type { Generation } from "../protocol/generation.js";
import type { Draft, Update } from "../protocol/update.js";
import { dataText } from "./data.js";
import { ExternalHub, noHubInProcess } from "./external-hub.js";
import type { ModelClass, ModelDeclaration, Models } from "./models.js";
import type { Pages } from "./page.js";
import { publishToRemoteHub } from "./remote-hub.js";
import { type EventSourceOfSignals, publishSignal, type SignalOptions } from "./signals.js";
import { streamUrl } from "./stream-url.js";
import type { Tokens } from "./tokens.js";
import { type Topic, type TopicMatcher, type Topics, topicNames, topicSelectors } from "./topics.js";

export interface PublishOptions {
  /** Whether only subscribers whose token grants a topic receive the update. Default false. */
  private?: boolean | undefined;
  /** The event's type; true means the topic. Default: none, or the topic with the option `typeIsTopic`. */
  type?: string | boolean | undefined;
  /** The update's id, unique in the hub. Default: the hub makes one. */
  id?: string | undefined;
  /** The reconnection time for clients, in milliseconds. Default: the client's own. */
  retry?: number | undefined;
  /** The publisher's token for a remote hub. Default: the option `publisherJwt`, else one made for these topics. */
  jwt?: string | undefined;
  /** Another hub to publish to, over HTTP. Default: the option `hubUrl` of the kit, else the hub in this process. */
  hubUrl?: string | undefined;
}

const publishOptions: readonly string[] = [
  "private",
  "type",
  "id",
  "retry",
  "jwt",
  "hubUrl",
] satisfies (keyof PublishOptions)[];
/** What a stream of a tag shall bring besides public updates. */
export interface ConnectionOptions {
  /** Private updates of its topics. */
  readonly private: boolean;
  /** The events of those who subscribe to its topics. */
  readonly withSubscriptions: boolean;
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
   * A model object as data is rendered by the component that its class names. Given alone, it is published on its own
   * topic. Strings go out as they are: text that somebody typed belongs into a component or into `` html`…` ``.
   *
   * @throws MercureError `ERR_TOPIC`, `ERR_MODEL`, `ERR_DATA`, `ERR_UPDATE` for what cannot be published, `ERR_PUBLISH`
   * when a hub elsewhere does not take it, `ERR_CLOSED` after the kit was closed.
   */
  async publish(...args: [topics: Topics, data?: unknown, options?: PublishOptions]): Promise<string> {
    const [topics, data, options = {}] = args;
    refuseUnknownOptions(options, publishOptions, "publish");
    const { models, hub, tokens } = this.#options;
    const isAlone = args.length === 1 && models.isObject(topics);
    const subject = isAlone ? topics : data;
    const isModel = models.isObject(subject) && this.#isRendered(subject);
    const settings = isModel ? { ...models.publishOptionsOf(subject), ...defined(options) } : options;
    const draft = this.#draft(topics, isModel ? this.#renderModel(subject) : dataText(subject), settings);
    const { hubUrl, jwt } = settings;
    if (hubUrl !== undefined) return publishToRemoteHub(hubUrl, jwt ?? tokens.forPublisher(draft.topics), draft);
    return hub instanceof ExternalHub ? hub.publish(draft, jwt) : (await hub.publish(draft)).id;
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
    return this.#streamUrl(selectors, jwt ?? (this.#options.allowAnonymous ? undefined : this.#sign([], selectors)));
  }

  /** The same with a token that grants the private updates of just these topics. */
  authentifiedHubUrl(topics: Topics): string {
    return this.hubUrl(topics, this.subscriberJwt(topics));
  }

  /** A token that grants the private updates of just these topics, and expires. */
  subscriberJwt(topics: Topics): string {
    const selectors = this.selectors(topics);
    return this.#sign(selectors, selectors);
  }

  /** The URL of a tag's stream, with a token for just what it asks for. */
  connectionUrl(topics: Topics, { private: isPrivate, withSubscriptions }: ConnectionOptions): string {
    const selectors = this.selectors(topics);
    const events = withSubscriptions ? this.#eventSelectors(topics) : [];
    const granted = [...(isPrivate ? selectors : []), ...events];
    const needsToken = granted.length > 0 || !this.#options.allowAnonymous;
    return this.#streamUrl([...selectors, ...events], needsToken ? this.#sign(granted, selectors) : undefined);
  }

  /** The URL of a stream of nothing but the events of those who subscribe to topics. */
  presenceUrl(topics: Topics): string {
    const events = this.#eventSelectors(topics);
    return this.#streamUrl(events, this.#sign(events));
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
    if (topics === undefined) return hub.subscriptions(undefined, subscriber);
    return this.topics(topics).flatMap((topic) => hub.subscriptions(topic, subscriber));
  }

  /** What a stream of these topics says of its bearer to other subscribers. */
  protected payloadOf(topics: readonly string[]): unknown {
    const payload = this.#options.payloadOf?.(topics);
    if (!(payload instanceof Promise)) return payload;
    payload.catch(() => {});
    throw new MercureError("ERR_OPTION", "The option payloadGetter must give its payload at once, and no promise.");
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
    return hub.updates(this.topics(topics), options);
  }

  /** The hub in this process; where there is none, an error that names the way out. */
  protected ownHub(what: string, wayOut: string): Hub {
    const { hub } = this.#options;
    if (hub instanceof ExternalHub) throw noHubInProcess(what, wayOut);
    return hub;
  }

  #draft(topics: Topics, data: string, { private: isPrivate = false, type, id, retry }: PublishOptions): Draft {
    const names = topicNames(topics, this.#options.models);
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
    const hubPath = hub instanceof ExternalHub ? hub.path : hub.publicPath;
    return this.selectors(topics).map(({ text, matchType = "exact" }) => {
      if (protocol === 0) {
        return { text: selectorPath(hubPath, { text }) + (hub instanceof ExternalHub ? "{/subscriber}" : "") };
      }
      const path = selectorPath(hubPath, { text, matchType });
      return hub instanceof ExternalHub ? { text: `${path}/:subscriber`, matchType: "urlpattern" } : { text: path };
    });
  }

  #streamUrl(selectors: readonly Selector[], token: string | undefined): string {
    const { hub, protocol, pages, publicHubUrl } = this.#options;
    const page = pages.current;
    // A hub elsewhere is no part of the application, wherever that is mounted.
    const mountPath = hub instanceof ExternalHub || !publicHubUrl.startsWith("/") ? "" : (page?.mountPath ?? "");
    return streamUrl({
      protocol,
      hub: mountPath + publicHubUrl,
      selectors,
      lastEventId: page?.lastEventId ?? hub.lastEventId,
      token,
    });
  }

  /** @param of - The topics of the stream for which the token speaks for its bearer; without them it says nothing. */
  #sign(granted: readonly Selector[], of?: readonly Selector[]): string {
    const { pages, tokens } = this.#options;
    pages.current?.onToken();
    return tokens.forSubscriber(granted, of && this.payloadOf(of.map(({ text }) => text)));
  }
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
