import type { SubscriptionDocument } from "../protocol/active-subscription.js";
import type { DisconnectTarget } from "../protocol/disconnection.js";
import { connectionEvents } from "../protocol/event-types.js";
import type { Draft, Update } from "../protocol/update.js";
import { distinctTime } from "../shared/distinct-time.js";
import { MercureError } from "../shared/errors.js";
import { escapeHtml } from "../shared/escape-html.js";
import { isFunction } from "../shared/is-function.js";
import { assertKnownOptions } from "../shared/known-options.js";
import { textComplaintOf } from "../shared/text.js";
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
import { publishToRemoteHub } from "./remote/remote-publish.js";
import { applicationUpdates } from "./streams/application-updates.js";
import { StreamAccess } from "./streams/stream-access.js";
import { checkPublished } from "./streams/stream-limits.js";

/** The max number of topics in an update that the hubs of this kit accept over HTTP by default. */
const maxRemoteTopics = 100;

/** Returns the data for one variant. The argument is undefined for streams without a variant. */
// biome-ignore lint/suspicious/noExplicitAny: what a variant is only the application knows
export type VariantRenderer = (variant: any) => unknown;

/** Selects the streams that {@link Publisher.disconnect} ends. Exactly one property must be set. */
export interface DisconnectOptions {
  /** The subject of the tokens, as the option `subjectGetter` returned it. */
  readonly subject?: string | undefined;
  /** A topic, or several. Every stream of one of them ends. */
  readonly topic?: Topics | undefined;
  /** The id of one stream, from `subscriber` in {@link Publisher.getSubscriptions}. */
  readonly subscriber?: string | undefined;
}

const disconnectOptions: readonly string[] = ["subject", "topic", "subscriber"] satisfies (keyof DisconnectOptions)[];

const updatesOptions: readonly string[] = ["lastEventId", "signal"];

/** Publishes updates, lists subscriptions, and creates stream URLs and tokens. */
export class Publisher extends StreamAccess {
  readonly #options: PublisherOptions;
  readonly #order = new InOrder();

  constructor(options: PublisherOptions) {
    super(options);
    this.#options = options;
  }

  /**
   * Publishes data on a topic. Resolves to the update's id once the hub has stored the update.
   *
   * A function as data is called once for each live variant of the topic's streams. It is also called with undefined if
   * the topic may have streams without a variant. The function can be asynchronous. `publish` then resolves to the ids
   * of all updates; the list is empty if the topic has no streams.
   *
   * Updates of a topic are published in the order of the calls, also when a function is slow.
   *
   * A model object as data is rendered by its class's component. A model object as the only argument is published on
   * its own topic. Strings are published unchanged and unescaped: put user input into a component or into
   * `` html`…` ``.
   *
   * @throws MercureError `ERR_TOPIC`, `ERR_MODEL`, `ERR_DATA`, `ERR_UPDATE` or `ERR_OPTION` for an invalid topic,
   * model, data, update or option.
   * @throws MercureError `ERR_TOKEN` for data that contains the token of a private stream, because every subscriber
   * would receive the token.
   * @throws MercureError `ERR_PUBLISH` if a remote hub rejects the update or cannot be reached.
   * @throws MercureError `ERR_CLOSED` after the kit was closed.
   * @example
   * const id = await sse.publish("messages", render("ChatMessage", message));
   * await sse.publish("orders/7", html`<p id="order-7">paid</p>`, { private: true });
   */
  publish(topics: Topics, render: VariantRenderer, options?: PublishOptions): Promise<string[]>;
  publish(topics: Topics, data?: unknown, options?: PublishOptions): Promise<string>;
  async publish(...args: [topics: Topics, data?: unknown, options?: PublishOptions]): Promise<string | string[]> {
    const [topics, data, options = {}] = args;
    assertKnownOptions(options, publishOptions, "publish");
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

  /**
   * Deletes the element with this id from every page that streams the topic, by an out-of-band swap. Resolves to the
   * update's id.
   *
   * @throws MercureError `ERR_DATA` for an id that is empty, begins with `#`, or contains a comma or white space, and
   * all errors of {@link Publisher.publish}.
   * @example
   * await sse.remove("todos", "todo-7");
   */
  async remove(topics: Topics, id: string | number, options: PublishOptions = {}): Promise<string> {
    assertKnownOptions(options, publishOptions, "remove");
    // htmx reads a comma as a list of selectors, and the second selector could match the whole page.
    if (!/^[^#\s,][^\s,]*$/.test(String(id ?? ""))) {
      const given = JSON.stringify(id) ?? typeof id;
      throw new MercureError("ERR_DATA", `remove() takes the id of an element, such as "todo-7", not ${given}.`);
    }
    return this.publish(topics, `<div id="${escapeHtml(String(id))}" hx-swap-oob="delete"></div>`, options);
  }

  /**
   * Declares the topics, the component and the publish options of a class's objects. See {@link ModelDeclaration}.
   *
   * @throws MercureError `ERR_MODEL` if `model` is not a class, `ERR_OPTION` for an unknown option.
   * @example
   * sse.model(TodoItem, { id: "uuid", component: "Todo" });
   */
  model<T extends object>(model: ModelClass<T>, declaration: ModelDeclaration<T>): void {
    this.#options.models.declare(model, declaration);
  }

  /**
   * Publishes an update for each event of an emitter, in the order of the events. Updates of one topic also stay in
   * order. Returns a function that removes the listener.
   *
   * Errors go to `options.onError`, never to the emitter.
   *
   * @throws MercureError `ERR_OPTION` for an unknown option.
   * @example
   * const stop = sse.publishSignal(emitter, "saved", { topic: "orders", argsAsData: true });
   */
  publishSignal<Args extends unknown[] = unknown[]>(
    emitter: EventSourceOfSignals,
    event: string | symbol,
    options: SignalOptions<Args> = {},
  ): () => void {
    assertKnownOptions(options, signalOptions, "publishSignal");
    const signal = {};
    return publishSignal(emitter, event, options, {
      publish: (topics, data, settings) => this.publish(topics, data, settings),
      inOrder: (topics, prepare, work) => this.#order.run([signal, ...this.topics(topics)], prepare, work),
      onError: (error) => this.#options.onError(`publishing the event "${String(event)}" failed`, error),
    });
  }

  /**
   * Resolves to true if a topic has at least one subscriber that names it. With a filter, only subscribers whose token
   * has a matching payload count (see the option `payloadGetter`). Always false with the option
   * `hub.subscriptions: false`.
   *
   * @throws MercureError `ERR_OPTION` for an invalid filter, and all errors of {@link Publisher.getSubscriptions}.
   * @example
   * if (await sse.isConnected("orders/7", { id: 7 })) await sse.publish("orders/7", "paid");
   */
  async isConnected(topic: Topics, payloadFilter?: PayloadFilter): Promise<boolean> {
    checkPayloadFilter(payloadFilter);
    const subscriptions = await this.getSubscriptions(topic);
    return subscriptions.some(({ payload }) => passes(payload, payloadFilter));
  }

  /**
   * Returns the people who stream a topic now, in the order of their arrival. A person with several open windows is
   * listed once.
   *
   * The options `payloadGetter` and `presenceKey` identify people. A person stays listed for `presenceGrace` after the
   * last stream has closed. The list is empty with the option `hub.subscriptions: false`.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   * @example
   * const names = sse.presence("rooms/1").map(({ key }) => key);
   */
  presence(topics: Topics): Person[] {
    const people = new Map<string, Person>();
    for (const person of this.topics(topics).flatMap((topic) => this.requirePresence("sse.presence").of(topic))) {
      const connections = person.connections + (people.get(person.key)?.connections ?? 0);
      people.set(person.key, { ...person, connections });
    }
    return [...people.values()];
  }

  /**
   * Resolves to the active subscriptions: all of them, those of some topics, or those of one subscriber. A remote hub
   * is queried over HTTP.
   *
   * @throws MercureError `ERR_SUBSCRIPTIONS` if a remote hub does not return its subscriptions.
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic.
   * @example
   * const [subscription] = await sse.getSubscriptions("orders/7");
   */
  async getSubscriptions(topics?: Topics, subscriber?: string): Promise<SubscriptionDocument[]> {
    return this.#options.hub.subscriptions(topics === undefined ? undefined : this.topics(topics), subscriber);
  }

  /**
   * Returns the active subscriptions synchronously, for templates. See {@link Publisher.getSubscriptions}.
   *
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process, because that hub can only be queried
   * asynchronously.
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic.
   * @example
   * const count = sse.listSubscriptions("orders/7").length;
   */
  listSubscriptions(topics?: Topics, subscriber?: string): SubscriptionDocument[] {
    return this.#options.hub.listSubscriptions(topics === undefined ? undefined : this.topics(topics), subscriber);
  }

  /**
   * Ends streams now, on every hub node that the transport reaches, and revokes the tokens issued for them until this
   * moment.
   *
   * `subject` selects the tokens of one user (see the option `subjectGetter`), `topic` the tokens that grant a topic,
   * `subscriber` the token of one stream. Public streams of a topic end too, and their clients reconnect.
   *
   * @throws MercureError `ERR_OPTION` unless exactly one property is set.
   * @throws MercureError `ERR_TOPIC` or `ERR_MODEL` for an invalid topic.
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   * @throws MercureError `ERR_CLOSED` after the kit was closed.
   * @example
   * await sse.disconnect({ subject: "7" });
   */
  async disconnect(target: DisconnectOptions): Promise<void> {
    const { hub } = this.#options;
    assertKnownOptions(target, disconnectOptions, "disconnect");
    const { topic } = target;
    const targets = topic === undefined ? [target] : this.topics(topic).map((name) => ({ ...target, topic: name }));
    const disconnect = () => Promise.all(targets.map((each) => hub.disconnect(each as DisconnectTarget)));
    const { presence } = this.#options;
    await (presence?.withoutGrace(disconnect) ?? disconnect());
    const page = this.#options.pages.current;
    // This request may render pages after it has signed the user in or out. Their tokens must be newer than the
    // revocation.
    if (page !== undefined) page.beganAt = distinctTime(hub.now());
  }

  /**
   * Returns an iterator over the updates of topics, private ones included, for code in this process. It starts now, or
   * after `lastEventId`. It ends with the loop, with the signal, or with the kit.
   *
   * A string is the name of one topic. A pattern is `{ match, match_type }`. All topics are
   * `{ match: "*", match_type: "uritemplate" }`.
   *
   * @throws MercureError `ERR_HISTORY_GAP` if the reader is so slow that its next update has left the history.
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process.
   * @example
   * for await (const { topics, data } of sse.updates(["messages", "news"])) console.log(topics, data);
   */
  updates(topics: Topics, options: { lastEventId?: string; signal?: AbortSignal } = {}): AsyncIterableIterator<Update> {
    assertKnownOptions(options, updatesOptions, "updates");
    const { hub, models, variants } = this.#options;
    const asked = hubTopics(topics, models);
    variants.renderedPlain(asked.map((topic) => (typeof topic === "string" ? topic : "*")));
    return applicationUpdates(hub.updates(asked, options));
  }

  /** Returns the data as text, and the publish options merged with those of the model's class. */
  #content(data: unknown, options: PublishOptions): [text: string, settings: PublishOptions] {
    const { models } = this.#options;
    const isModel = models.isObject(data) && textComplaintOf(data) === undefined && this.#isRendered(data);
    if (!isModel) return [dataText(data), options];
    return [this.#renderModel(data), { ...models.publishOptionsOf(data), ...defined(options) }];
  }

  #publishToAll(names: readonly string[], data: unknown, options: PublishOptions): Promise<string> {
    const [text, settings] = this.#content(data, options);
    const audience = settings.private ? "private-variant" : "variant";
    const others = this.#liveVariants(names, settings).map((variant) => variantTopics(names, variant, audience));
    const draft = this.#draft(names, text, settings);
    const isRemote = settings.hubUrl !== undefined || !this.#options.hub.isInProcess;
    if (!isRemote) return this.#send({ ...draft, topics: [names, ...others].flat() }, settings);
    return this.#publishInParts(draft, names, others, settings);
  }

  async #publishInParts(
    draft: Draft,
    names: readonly string[],
    others: readonly (readonly string[])[],
    settings: PublishOptions,
  ): Promise<string> {
    const parts = partsOf([names, ...others], maxRemoteTopics);
    if (parts.length > 1 && settings.id !== undefined) {
      const count = names.length * (others.length + 1);
      throw new MercureError(
        "ERR_UPDATE",
        `The update has ${count} topics with those of its variants. Hubs accept ${maxRemoteTopics} in one update, and ` +
          "several updates cannot have one id: remove the option id, or publish for fewer variants.",
      );
    }
    const [id] = await Promise.all(parts.map((topics) => this.#send({ ...draft, topics }, settings)));
    return id!;
  }

  /** Renders all variants before it publishes any. A variant that fails to render thus stops the others too. */
  async #publishVariants(
    names: readonly string[],
    render: VariantRenderer,
    options: PublishOptions,
  ): Promise<string[]> {
    if (options.id !== undefined) {
      throw new MercureError(
        "ERR_UPDATE",
        "The option id needs a single update, but a function publishes one for each variant. Remove the id.",
      );
    }
    const rendered = new Map<string | undefined, readonly [Draft, PublishOptions]>();
    const renderMissing = async () => {
      // Pages can be rendered during the wait, and these pages can start new variants.
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

  /** Returns the live variants that are not rendered yet. Undefined stands for streams without a variant. */
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

  /**
   * Returns the live variants as JSON. With `hubUrl` only the option `variants` counts: this process does not know the
   * streams of another hub.
   */
  #liveVariants(names: readonly string[], { hubUrl, variants = [] }: PublishOptions): readonly string[] {
    const known = hubUrl === undefined ? this.#options.variants.of(names) : [];
    return [...new Set([...known, ...variants.flatMap((variant) => variantText(variant) ?? [])])];
  }

  #send(draft: Draft, { hubUrl, jwt }: PublishOptions): Promise<string> {
    const { hub, tokens, streamLimits } = this.#options;
    checkPublished(draft.topics, streamLimits);
    if (hubUrl !== undefined) return publishToRemoteHub(hubUrl, jwt ?? tokens.forPublisher(draft.topics), draft);
    return hub.publish(draft, jwt);
  }

  #draft(names: readonly string[], data: string, settings: PublishOptions): Draft {
    if (this.#options.tokens.areIn(data) || this.#options.unbound.areIn(data)) {
      const wayOut = "send the element in the response to a request, or let each page fetch it";
      throw new MercureError("ERR_TOKEN", `The data contains one viewer's token for a private stream: ${wayOut}.`);
    }
    const { private: isPrivate = false, type, id, retry } = settings;
    const givenType = type === undefined ? this.#options.typeIsTopic : type;
    const resolvedType = givenType === true ? names[0] : givenType || undefined;
    if (resolvedType !== undefined && connectionEvents.has(resolvedType)) {
      const message = `The type "${resolvedType}" is reserved for an EventSource's own events. Choose another type.`;
      throw new MercureError("ERR_UPDATE", message);
    }
    return {
      topics: names,
      data,
      private: isPrivate,
      ...defined({ id, retry, type: resolvedType }),
    };
  }

  /** Returns whether data is a model object with a component. Other objects are published as JSON. */
  #isRendered(subject: object): boolean {
    const { models, renderer } = this.#options;
    return models.isDeclared(subject) || renderer.has(models.componentOf(subject));
  }

  #renderModel(subject: object): string {
    const { models, renderer } = this.#options;
    return String(renderer.render(models.componentOf(subject), subject));
  }
}

/** Removes undefined properties, so that they do not override others in a spread. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Joins lists of topics in their order. A list stays whole, so that no stream gets two parts. */
function partsOf(lists: readonly (readonly string[])[], maxTopics: number): string[][] {
  const parts: string[][] = [];
  for (const list of lists) {
    const last = parts.at(-1);
    if (last === undefined || last.length + list.length > maxTopics) parts.push([...list]);
    else last.push(...list);
  }
  return parts;
}
