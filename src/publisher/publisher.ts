import { MercureError } from "../errors.js";
import { escapeHtml } from "../escape-html.js";
import type { Hub } from "../hub/hub.js";
import type { Draft, Update } from "../protocol/update.js";
import { dataText } from "./data.js";
import { type ExternalHub, noHubInProcess } from "./external-hub.js";
import type { ModelClass, ModelDeclaration, Models } from "./models.js";
import type { Pages } from "./page.js";
import { publishToRemoteHub } from "./remote-hub.js";
import { type EventSourceOfSignals, publishSignal, type SignalOptions } from "./signals.js";
import { streamUrl } from "./stream-url.js";
import { type PublisherKeys, publisherToken, signToken } from "./tokens.js";
import { type Topic, type Topics, topicNames } from "./topics.js";

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

/** Renders a model object's component. */
export interface ModelRenderer {
  has(component: string): boolean;
  render(component: string, props: object): unknown;
}

export interface PublisherOptions extends PublisherKeys {
  readonly hub: Hub;
  /** Takes the place of the hub in this process. */
  readonly externalHub?: ExternalHub | undefined;
  readonly models: Models;
  readonly pages: Pages;
  readonly renderer: ModelRenderer;
  /** The path of the hub within the application, or its public URL. */
  readonly publicHubUrl: string;
  readonly subscriberSecretKey: string;
  /** Whether the hub takes subscribers without a token. */
  readonly allowAnonymous: boolean;
  readonly typeIsTopic: boolean;
  /** In seconds. */
  readonly tokenLifetime: number;
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
    const { models, externalHub, hub } = this.#options;
    const isAlone = args.length === 1 && models.isObject(topics);
    const subject = isAlone ? topics : data;
    const isModel = models.isObject(subject) && this.#isRendered(subject);
    const settings = isModel ? { ...models.publishOptionsOf(subject), ...defined(options) } : options;
    const draft = this.#draft(topics, isModel ? this.#renderModel(subject) : dataText(subject), settings);
    const { hubUrl, jwt } = settings;
    if (hubUrl !== undefined)
      return publishToRemoteHub(hubUrl, jwt ?? publisherToken(draft.topics, this.#options), draft);
    return externalHub === undefined ? (await hub.publish(draft)).id : externalHub.publish(draft, jwt);
  }

  /** Deletes the element of this id from every page that streams the topic, by an out-of-band swap. */
  async remove(topics: Topics, id: string | number, options: PublishOptions = {}): Promise<string> {
    if (String(id) === "") throw new MercureError("ERR_DATA", "The id of the element to remove is empty.");
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
   * @param jwt a subscriber's token, for private updates; it stands in the URL. Default: none, or one that grants nothing
   * where the hub takes no anonymous subscribers.
   */
  hubUrl(topics: Topics, jwt?: string): string {
    const { hub, externalHub, models, pages, publicHubUrl, allowAnonymous } = this.#options;
    const page = pages.current;
    // A hub elsewhere is no part of the application, wherever that is mounted.
    const isMounted = externalHub === undefined && publicHubUrl.startsWith("/");
    return streamUrl({
      hub: isMounted ? `${page?.mountPath ?? ""}${publicHubUrl}` : publicHubUrl,
      topics: topicNames(topics, models),
      lastEventId: page?.lastEventId ?? (externalHub ?? hub).lastEventId,
      token: jwt ?? (allowAnonymous ? undefined : this.#signSubscriberToken([])),
    });
  }

  /** The same with a token that grants the private updates of just these topics. */
  authentifiedHubUrl(topics: Topics): string {
    return this.hubUrl(topics, this.subscriberJwt(topics));
  }

  /** A token that grants the private updates of just these topics, and expires. */
  subscriberJwt(topics: Topics): string {
    return this.#signSubscriberToken(this.topics(topics));
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
    if (this.#options.externalHub !== undefined) {
      throw noHubInProcess("sse.updates", "read sse.authentifiedHubUrl(topics) with an EventSource");
    }
    return this.#options.hub.updates(this.topics(topics), options);
  }

  #draft(topics: Topics, data: string, { private: isPrivate = false, type, id, retry }: PublishOptions): Draft {
    const names = topicNames(topics, this.#options.models);
    const resolvedType = type === undefined ? this.#options.typeIsTopic : type;
    return {
      topics: names,
      data,
      private: isPrivate,
      ...defined({ id, retry, type: resolvedType === true ? names[0] : resolvedType || undefined }),
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

  #signSubscriberToken(topics: readonly string[]): string {
    const { subscriberSecretKey, tokenLifetime } = this.#options;
    return signToken({ subscribe: topics }, subscriberSecretKey, tokenLifetime);
  }
}

/** Leaves out what is undefined, so that it hides nothing. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

export type { Topic };
