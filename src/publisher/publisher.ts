import type { SubscriptionDocument } from "../protocol/active-subscription.js";
import type { DisconnectTarget } from "../protocol/disconnection.js";
import { connectionEvents } from "../protocol/event-types.js";
import type { Draft, Update } from "../protocol/update.js";
import { distinctTime } from "../shared/distinct-time.js";
import { MercureError } from "../shared/errors.js";
import { escapeHtml } from "../shared/escape-html.js";
import { isFunction } from "../shared/is-function.js";
import { refuseUnknownOptions } from "../shared/known-options.js";
import { textComplaintOf } from "../shared/text.js";
import { applicationSubscriptions } from "./presence/application-subscriptions.js";
import { checkPayloadFilter, type PayloadFilter, passes } from "./presence/payload-filter.js";
import type { Person } from "./presence/room.js";
import { dataText } from "./publish/data.js";
import { InOrder } from "./publish/in-order.js";
import type { ModelClass, ModelDeclaration } from "./publish/models.js";
import { type PublishOptions, publishOptions } from "./publish/publish-options.js";
import { type EventSourceOfSignals, publishSignal, type SignalOptions, signalOptions } from "./publish/signals.js";
import { hubTopics, type Topics } from "./publish/topics.js";
import { variantText, variantTopics } from "./publish/variants.js";
import type { PublisherOptions } from "./publisher-options.js";
import { ExternalHub } from "./remote/remote-hub.js";
import { publishToRemoteHub } from "./remote/remote-publish.js";
import { applicationUpdates } from "./streams/application-updates.js";
import { StreamAccess } from "./streams/stream-access.js";
import { checkPublished } from "./streams/stream-limits.js";

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

const disconnectOptions: readonly string[] = ["subject", "topic", "subscriber"] satisfies (keyof DisconnectOptions)[];

const updatesOptions: readonly string[] = ["lastEventId", "signal"];

/** Publishes updates, and tells clients where to receive them. */
export class Publisher extends StreamAccess {
  readonly #options: PublisherOptions;
  readonly #order = new InOrder();

  constructor(options: PublisherOptions) {
    super(options);
    this.#options = options;
  }

  /**
   * Publishes data on a topic; resolves to the update's id once the hub has kept it.
   *
   * A function as data is called once for each live variant of the topic's streams, and with undefined where somebody
   * may stream it without one; it may be asynchronous. Then this resolves to the ids of all updates, none when nobody
   * streams the topic.
   *
   * Updates of a topic are published in the order of the calls, also when a function takes its time.
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
    if (args.length > 3) {
      throw new MercureError(
        "ERR_OPTION",
        "publish takes topics, data and options: write publish(topics, data, { … }).",
      );
    }
    const names = this.topics(topics);
    if (isFunction(data)) return this.#publishVariants(names, data, options);
    const isAlone = args.length === 1 && this.#options.models.isObject(topics);
    const send = () => this.#publishToAll(names, isAlone ? topics : data, options);
    return this.#order.isIdle ? send() : this.#order.run(names, () => undefined, send);
  }

  /** Deletes the element of this id from every page that streams the topic, by an out-of-band swap. */
  async remove(topics: Topics, id: string | number, options: PublishOptions = {}): Promise<string> {
    refuseUnknownOptions(options, publishOptions, "remove");
    // htmx takes commas for a list of selectors, and one that follows may be the whole page.
    if (!/^[^#\s,][^\s,]*$/.test(String(id ?? ""))) {
      const given = JSON.stringify(id) ?? typeof id;
      throw new MercureError("ERR_DATA", `remove() takes the id of an element, such as "todo-7", not ${given}.`);
    }
    return this.publish(topics, `<div id="${escapeHtml(String(id))}" hx-swap-oob="delete"></div>`, options);
  }

  /** Declares how the objects of a class are topics and data. */
  model<T extends object>(model: ModelClass<T>, declaration: ModelDeclaration<T>): void {
    this.#options.models.declare(model, declaration);
  }

  /**
   * Publishes an update for each event of an emitter, in the order of the events; updates of a topic stay in order too.
   * Returns the way to stop.
   */
  publishSignal<Args extends unknown[] = unknown[]>(
    emitter: EventSourceOfSignals,
    event: string | symbol,
    options: SignalOptions<Args> = {},
  ): () => void {
    refuseUnknownOptions(options, signalOptions, "publishSignal");
    const signal = {};
    return publishSignal(emitter, event, options, {
      publish: (topics, data, settings) => this.publish(topics, data, settings),
      inOrder: (topics, prepare, work) => this.#order.run([signal, ...this.topics(topics)], prepare, work),
      onError: (error) => this.#options.onError(`publishing the event "${String(event)}" failed`, error),
    });
  }

  /**
   * Whether anybody is subscribed to a topic by its name now; with a filter, anybody whose token has such a payload, see
   * the option `payloadGetter`. With the option `hub.subscriptions: false` nobody is.
   */
  async isConnected(topic: Topics, payloadFilter?: PayloadFilter): Promise<boolean> {
    checkPayloadFilter(payloadFilter);
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
    for (const person of this.topics(topics).flatMap((topic) => this.presenceHere("sse.presence").of(topic))) {
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
    return applicationSubscriptions(found).filter((each) => subscriber === undefined || each.subscriber === subscriber);
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
    refuseUnknownOptions(target, disconnectOptions, "disconnect");
    const { topic } = target;
    const targets = topic === undefined ? [target] : this.topics(topic).map((name) => ({ ...target, topic: name }));
    const disconnect = () => Promise.all(targets.map((each) => hub.disconnect(each as DisconnectTarget)));
    const { presence } = this.#options;
    await (presence?.withoutGrace(disconnect) ?? disconnect());
    const page = this.#options.pages.current;
    // What this very request renders from here on is for who it has left signed in.
    if (page !== undefined) page.beganAt = distinctTime();
  }

  /**
   * The updates of topics, private ones too, for code in this process: from now on, or from after `lastEventId`. Ends
   * with the loop, with the signal, or with the kit. A string is the name of one topic; a pattern is `{ match,
   * match_type }`, and all topics are `{ match: "*", match_type: "uritemplate" }`.
   *
   * @throws MercureError `ERR_HISTORY_GAP` to a reader so slow that the history no longer holds its next update,
   * `ERR_EXTERNAL_HUB` where the hub is in another process.
   */
  updates(topics: Topics, options: { lastEventId?: string; signal?: AbortSignal } = {}): AsyncIterableIterator<Update> {
    refuseUnknownOptions(options, updatesOptions, "updates");
    const hub = this.ownHub("sse.updates", "read sse.authentifiedHubUrl(topics) with an EventSource");
    const asked = hubTopics(topics, this.#options.models);
    this.#options.variants.renderedPlain(asked.map((topic) => (typeof topic === "string" ? topic : "*")));
    return applicationUpdates(hub.updates(asked, options));
  }

  /** What data is as text, with the options that its class has for it. */
  #content(data: unknown, options: PublishOptions): [text: string, settings: PublishOptions] {
    const { models } = this.#options;
    const isModel = models.isObject(data) && textComplaintOf(data) === undefined && this.#isRendered(data);
    if (!isModel) return [dataText(data), options];
    return [this.#renderModel(data), { ...models.publishOptionsOf(data), ...defined(options) }];
  }

  #publishToAll(names: readonly string[], data: unknown, options: PublishOptions): Promise<string> {
    const [text, settings] = this.#content(data, options);
    const audience = settings.private ? "private-variant" : "variant";
    const variants = this.#liveVariants(names, settings);
    const others = variants.flatMap((variant) => variantTopics(names, variant, audience));
    const draft = this.#draft(names, text, settings);
    return this.#send({ ...draft, topics: [...names, ...others] }, settings);
  }

  /** Renders everything before it publishes anything: a mistake in one variant must not show in the others only. */
  async #publishVariants(
    names: readonly string[],
    render: VariantRenderer,
    options: PublishOptions,
  ): Promise<string[]> {
    if (options.id !== undefined) {
      throw new MercureError("ERR_UPDATE", "An id is for one update; a function makes one for each variant.");
    }
    const rendered = new Map<string | undefined, readonly [Draft, PublishOptions]>();
    const renderMissing = async () => {
      // Pages are rendered meanwhile, and with them new variants may begin.
      for (let missing = this.#missing(names, options, rendered); missing.length > 0; ) {
        for (const variant of missing) rendered.set(variant, await this.#renderFor(variant, names, render, options));
        missing = this.#missing(names, options, rendered);
      }
    };
    return this.#order.run(names, renderMissing, async () => {
      await renderMissing();
      return Promise.all([...rendered.values()].map(([draft, settings]) => this.#send(draft, settings)));
    });
  }

  /** The variants that are streamed and not rendered yet; undefined stands for streams without one. */
  #missing(
    names: readonly string[],
    options: PublishOptions,
    rendered: ReadonlyMap<string | undefined, unknown>,
  ): (string | undefined)[] {
    const isPlain = options.hubUrl !== undefined || this.#options.variants.isPlain(names);
    const all = [...(isPlain ? [undefined] : []), ...this.#liveVariants(names, options)];
    return all.filter((variant) => !rendered.has(variant));
  }

  async #renderFor(
    variant: string | undefined,
    names: readonly string[],
    render: VariantRenderer,
    options: PublishOptions,
  ): Promise<readonly [Draft, PublishOptions]> {
    const data = await render(variant === undefined ? undefined : JSON.parse(variant));
    const [text, settings] = this.#content(data, options);
    const draft = this.#draft(names, text, settings);
    if (variant === undefined) return [draft, settings];
    const topics = variantTopics(names, variant, settings.private ? "private-variant" : "variant");
    return [{ ...draft, topics, private: true }, settings];
  }

  /** As JSON. What another hub's pages stream only their application knows. */
  #liveVariants(names: readonly string[], { hubUrl, variants = [] }: PublishOptions): readonly string[] {
    const known = hubUrl === undefined ? this.#options.variants.of(names) : [];
    return [...new Set([...known, ...variants.flatMap((variant) => variantText(variant) ?? [])])];
  }

  async #send(draft: Draft, { hubUrl, jwt }: PublishOptions): Promise<string> {
    const { hub, tokens, streamLimits } = this.#options;
    checkPublished(draft.topics, streamLimits);
    if (hubUrl !== undefined) return publishToRemoteHub(hubUrl, jwt ?? tokens.forPublisher(draft.topics), draft);
    return hub instanceof ExternalHub ? hub.publish(draft, jwt) : (await hub.publish(draft)).id;
  }

  #draft(names: readonly string[], data: string, settings: PublishOptions): Draft {
    if (this.#options.tokens.areIn(data) || this.#options.unbound.areIn(data)) {
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
}

/** Leaves out what is undefined, so that it hides nothing. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
