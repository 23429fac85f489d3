import type { IncomingMessage } from "node:http";
import { type SubscriptionDocument, subscriptionDocument } from "../protocol/active-subscription.js";
import type { DisconnectTarget } from "../protocol/disconnection.js";
import { validateDraft } from "../protocol/draft.js";
import { compileTopics } from "../protocol/matching/topic-matcher.js";
import { type HttpProblem, methodNotAllowed, refusalOf, storeUnavailable } from "../protocol/problem.js";
import { noGrants } from "../protocol/tokens/grants.js";
import type { Draft, Update } from "../protocol/update.js";
import { type Clock, systemClock } from "../shared/clock.js";
import { distinctTime } from "../shared/distinct-time.js";
import { MercureError } from "../shared/errors.js";
import { assertKnownOptions } from "../shared/known-options.js";
import type { Logger } from "../shared/logger.js";
import { invalidOption } from "../shared/option-reader.js";
import { describeValue } from "../shared/plain-object.js";
import type { Transaction } from "../shared/transaction.js";
import { NodesOfOne } from "../transport/memory/nodes-of-one.js";
import type { TransactionalTransport, Transport, TransportState } from "../transport/transport.js";
import { authenticatorFor } from "./auth/authenticators.js";
import { ControlChannel } from "./auth/control-channel.js";
import type { VerifiedToken } from "./auth/verified-token.js";
import { Dispatcher, hubClosed } from "./fan-out/dispatcher.js";
import { EncodedEvents } from "./fan-out/encoded-events.js";
import { EncodedReplays } from "./fan-out/encoded-replays.js";
import { TickBatch } from "./fan-out/tick-batch.js";
import { guardedObserver } from "./guarded-observer.js";
import { PublishHandler } from "./handlers/publish-handler.js";
import { type Next, RequestAnswers } from "./handlers/request-answers.js";
import { Router } from "./handlers/router.js";
import { SubscribeHandler } from "./handlers/subscribe-handler.js";
import { SubscriptionsHandler } from "./handlers/subscriptions-handler.js";
import { Cors } from "./http/cors.js";
import { holdBody } from "./http/form-body.js";
import type { HubRequest, HubResponse } from "./http/messages.js";
import { isRead, queryOf } from "./http/request.js";
import { HubNodes } from "./nodes/hub-nodes.js";
import type { HubObserver } from "./observer.js";
import { type CloseOptions, readCloseOptions } from "./options/close-options.js";
import { type HubOptions, type HubSettings, resolveHubOptions } from "./options/hub-options.js";
import { warnOfSeveralProcesses } from "./several-processes.js";
import { ActiveSubscriptions } from "./streams/active-subscriptions.js";
import { Disconnections } from "./streams/disconnections.js";
import { Drain } from "./streams/drain.js";
import { Expirations } from "./streams/expirations.js";
import { type StreamOptions, streamOptions } from "./streams/stream-options.js";
import type { Subscriber } from "./streams/subscriber.js";
import { Subscribers } from "./streams/subscribers.js";
import { type SubscriptionListener, SubscriptionListeners } from "./streams/subscription-listeners.js";
import { UpdateReader, type Updates, type UpdatesOptions, updatesOptions } from "./streams/update-reader.js";

/** @param refusal - The refusal that the client receives. A client whose stream is closed instead does not see it. */
type RefusalListener = (request: HubRequest, refusal: HttpProblem) => void;

/** The state of a hub: that of its transport, or `draining` while the hub hands its streams over to other nodes. */
export type HubState = TransportState | "draining";

/**
 * A Mercure hub over Node's HTTP servers, with or without Express before it.
 * {@link https://mercure.rocks/spec | The Mercure protocol}.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { Hub } from "htmx-mercure/hub";
 * import { MemoryTransport } from "htmx-mercure/transport/memory";
 *
 * const hub = new Hub({ transport: new MemoryTransport() });
 * const server = createServer(hub.handle).listen(3000);
 * ```
 */
export class Hub {
  /** The hub's path on this server. */
  readonly path: string;
  /** The path of the hub's URL as clients see it. The topics of the hub's own updates begin with it. */
  readonly publicPath: string;
  readonly #transport: Transport;
  /** The transport if the hub has created it. */
  readonly #ownTransport: Transport | undefined;
  readonly #logger: Logger;
  readonly #observer: HubObserver | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #subscribers: Subscribers<Subscriber>;
  readonly #disconnections: Disconnections;
  /** Undefined if the transport is for one node. */
  readonly #nodes: HubNodes | undefined;
  /** Undefined if the option `subscriptions` is false. */
  readonly #activeSubscriptions: ActiveSubscriptions | undefined;
  readonly #listeners: SubscriptionListeners;
  #refusalListener: RefusalListener | undefined;
  readonly #clock: Clock;
  #drain: Drain | undefined;
  /** The number of updates that the transport has not stored yet. */
  #pending = 0;
  #onStored = () => {};
  readonly #ticks = new TickBatch();
  readonly #subscribe: SubscribeHandler;
  readonly #answers: RequestAnswers;
  readonly #settings: Pick<HubSettings, "hubUrl" | "transport">;
  readonly #router: Router;

  /** @throws MercureError `ERR_OPTION` for an unknown or invalid option. */
  constructor(options: HubOptions);
  /** @internal */
  constructor(options: HubOptions, clock?: Clock);
  constructor(options: HubOptions, clock: Clock = systemClock) {
    const settings = resolveHubOptions(options);
    const { path, publicPath, logger } = settings;
    warnOfSeveralProcesses(settings.transport, logger);
    const reserving: Partial<TransactionalTransport> = settings.transport;
    for (const each of [publicPath, path]) reserving.reserve?.(each);
    const orders = new ControlChannel(settings.transport, publicPath);
    const transport = orders.updatesOnly;
    this.path = path;
    this.publicPath = publicPath;
    this.#settings = settings;
    this.#transport = transport;
    this.#ownTransport = settings.ownTransport;
    this.#logger = logger;
    this.#clock = clock;
    this.#observer = settings.observer && guardedObserver(settings.observer, (error) => this.#report(error));
    this.#dispatcher = new Dispatcher(transport);
    const dispatcher = this.#dispatcher;
    const events = new EncodedEvents();
    this.#subscribers = new Subscribers<Subscriber>({
      ...settings,
      observer: this.#observer,
      dispatcher,
      events,
      ticks: this.#ticks,
    });
    this.#disconnections = new Disconnections(orders, this.#subscribers, (error) => this.#report(error));
    const isRevoked = (token: VerifiedToken) => this.#disconnections.isRevoked(token);
    this.#listeners = new SubscriptionListeners(publicPath, (error) => this.#report(error));
    if (settings.subscriptions) {
      this.#activeSubscriptions = new ActiveSubscriptions(
        publicPath,
        transport,
        (error) => this.#report(error),
        (subscription, active, change) => this.#listeners.tell(subscription, active, change),
      );
    }
    if (!(transport.nodes instanceof NodesOfOne)) {
      this.#nodes = new HubNodes(
        transport.nodes,
        orders,
        this.#activeSubscriptions,
        (name) => this.#subscribers.end(({ group }) => group.audience.selectors.some(({ text }) => text === name)),
        (error) => this.#report(error),
      );
    }
    const nodes = this.#nodes?.streams;
    const active = this.#activeSubscriptions;
    const services = {
      transport,
      dispatcher,
      replays: new EncodedReplays(transport, dispatcher, events),
      expirations: new Expirations(clock),
      subscribers: this.#subscribers,
      disconnections: this.#disconnections,
      activeSubscriptions: this.#activeSubscriptions,
      missed: this.#nodes?.missed,
      subjectsElsewhere: nodes && ((subject: string) => nodes.countOf(subject)),
      countedElsewhere: active === undefined && settings.connectionBounds.perSubject > 0 ? nodes : undefined,
      clock,
      onError: (error: unknown) => this.#report(error),
      onCloseAtOnce: (req: IncomingMessage, error: unknown) => this.#refusalListener?.(req, refusalOf(error)),
    };
    const tokens = authenticatorFor("subscriber", settings, isRevoked, clock);
    this.#subscribe = new SubscribeHandler(tokens, settings, services);
    this.#router = new Router(settings, {
      subscribe: this.#subscribe,
      subscriptions: active && new SubscriptionsHandler(settings, tokens, active, transport),
      publish: settings.allowPublish
        ? new PublishHandler(authenticatorFor("publisher", settings, isRevoked, clock), settings, (draft) =>
            this.publish(draft),
          )
        : undefined,
    });
    this.#answers = new RequestAnswers({
      cors: new Cors(settings.corsOrigins),
      metadataUrl: this.#router.metadataUrl?.href,
      unavailable: () => this.#unavailable(),
      report: (error) => this.#report(error),
      onRefusal: (req, refusal) => this.#refusalListener?.(req, refusal),
    });
  }

  /**
   * The id of the present end of history. A subscriber that resumes from it receives only later updates. It never
   * equals an id that a publisher chose.
   */
  get lastEventId(): string {
    return this.#transport.cursor(this.#transport.head);
  }

  /**
   * Returns the time by the clock that all nodes of the hub share, in milliseconds since 1970. {@link Hub.disconnect}
   * compares it with the tokens' time of issue.
   *
   * @internal
   */
  now(): number {
    return this.#transport.now();
  }

  /** Whether the transport can have several nodes. @internal */
  get isShared(): boolean {
    return this.#nodes !== undefined;
  }

  /** The newest position that this node knows. @internal */
  get position(): number {
    return this.#transport.head;
  }

  /**
   * Tells the streams of a topic on all nodes that they have missed updates. Does nothing if the transport is for one node.
   *
   * @internal
   */
  async tellMissed(topic: string): Promise<void> {
    await this.#nodes?.missed.tell(topic);
  }

  /** Resolves when the hub can serve streams: once its transport is ready. Never rejects. */
  get ready(): Promise<void> {
    return this.#transport.ready;
  }

  /**
   * The state of the transport, and of the hub at its end. `starting`: requests get 503 with `Retry-After`. `away`: the
   * store is unreachable, so streams stay open and publishing fails. `draining`: {@link Hub.close} hands the streams over
   * to other nodes, so proxies should send no new ones. `closed`: requests get 503.
   */
  get state(): HubState {
    if (this.#dispatcher.closed) return "closed";
    return this.#drain === undefined ? this.#transport.state : "draining";
  }

  /** The number of open streams. */
  get connections(): number {
    return this.#subscribers.size;
  }

  /**
   * Answers requests to the hub's URL, and any other request with 404. It is a request listener for a server, and a
   * handler for Express at any mount path.
   *
   * @param next - Called with the error `ERR_RESPONSE` if the response has already begun. Default: the hub logs the
   * error, and destroys the response unless it has ended.
   * @example
   * ```ts
   * app.use("/live", hub.handle);
   * ```
   */
  readonly handle = (req: HubRequest, res: HubResponse, next?: Next): void => {
    holdBody(req, res);
    this.#answers.answer(req, res, next, (request, response) => this.#router.route(request, response));
  };

  /**
   * Streams topics to a client that the application has authorized; the hub checks no token. The client can resume with
   * `Last-Event-ID`, as at the hub's URL.
   *
   * @param next - As for {@link Hub.handle}.
   * @throws MercureError `ERR_OPTION` for an invalid option, `ERR_TOPIC` for an invalid topic.
   * @example
   * ```ts
   * app.get("/orders/stream", (req, res, next) => hub.stream(req, res, { topics: "orders", private: true }, next));
   * ```
   */
  stream(req: HubRequest, res: HubResponse, options: StreamOptions, next?: Next): void {
    assertKnownOptions(options, streamOptions, "hub.stream");
    const { topics, private: withPrivate = false, payload, subject, authorizedAt = distinctTime(this.now()) } = options;
    if (typeof withPrivate !== "boolean") {
      throw new MercureError("ERR_OPTION", `private must be true or false, not ${describeValue(withPrivate)}.`);
    }
    const matchers = compileTopics(topics, this.#settings.hubUrl);
    const privateTopics = withPrivate ? matchers : noGrants.subscribe;
    const asked = { matchers, privateTopics, expiresAt: undefined, payloads: { payload }, subject };
    this.#answers.answer(req, res, next, async (request, response) => {
      if (!isRead(request)) throw methodNotAllowed("GET, HEAD");
      const bearer = { id: "", sub: subject, issuedAt: authorizedAt, grants: { subscribe: privateTopics } };
      const said = { parameters: queryOf(request), version: undefined, bearer };
      return this.#subscribe.open(request, response, asked, said);
    });
  }

  /**
   * Publishes an update, and resolves when the transport has stored it.
   *
   * @throws MercureError `ERR_TOPIC`, `ERR_DATA` or `ERR_UPDATE` for a draft that breaks the protocol, `ERR_CLOSED` after
   * {@link Hub.close}. Errors of the transport are rethrown.
   * {@link https://mercure.rocks/spec#publication | Mercure "Publication"}.
   * @example
   * ```ts
   * const { id } = await hub.publish({ topics: ["messages"], data: "hello", private: false });
   * ```
   */
  async publish(draft: Draft): Promise<Update> {
    this.check(draft);
    let update: Update;
    this.#pending++;
    try {
      update = await this.#transport.publish(draft);
    } finally {
      if (--this.#pending === 0) this.#onStored();
    }
    this.#observer?.published();
    const pause = this.#ticks.throttle();
    if (pause !== undefined) await pause;
    return update;
  }

  /**
   * Publishes an update if and when a transaction commits.
   *
   * @throws MercureError `ERR_OPTION` without a transport of its database, and the errors of {@link Hub.publish}.
   * @internal
   */
  async publishIn(transaction: Transaction, draft: Draft): Promise<void> {
    this.check(draft);
    const transport: Partial<TransactionalTransport> = this.#settings.transport;
    if (transport.publishIn === undefined) {
      throw invalidOption(
        "transaction",
        "needs the option outbox of mercure(), or a transport of the application's database, such as postgres://host/name",
      );
    }
    await transport.publishIn(transaction, draft);
  }

  /**
   * Checks what {@link Hub.publish} checks.
   *
   * @internal
   */
  check(draft: Draft): void {
    if (this.#dispatcher.closed) throw hubClosed();
    validateDraft(draft, this.publicPath);
    // A proxy can hide this path from clients, but it is the hub's too.
    if (this.path !== this.publicPath) validateDraft(draft, this.path);
  }

  /**
   * Iterates over new updates of topics, including private ones, for code in this process. The topics have the form of
   * those in {@link StreamOptions}. The iteration ends when the hub closes.
   *
   * @throws MercureError `ERR_OPTION` for an invalid option, `ERR_TOPIC` for an invalid topic, and in the iteration
   * `ERR_HISTORY_GAP` for a reader that is too slow.
   * @example
   * ```ts
   * for await (const { topics, data } of hub.updates("messages")) console.log(topics, data);
   * ```
   */
  updates(topics: StreamOptions["topics"], options: UpdatesOptions = {}): Updates {
    assertKnownOptions(options, updatesOptions, "hub.updates");
    const matchers = compileTopics(topics, this.#settings.hubUrl);
    return new UpdateReader(matchers, options, this.#transport, this.#dispatcher);
  }

  /**
   * Lists active subscriptions: all of them, those of one topic, or those of one subscriber. Each open stream has one
   * entry for each topic that it asked for by exactly this name. With the option `subscriptions: false` the list is
   * empty. {@link https://mercure.rocks/spec#active-subscriptions | Mercure "Active Subscriptions"}.
   *
   * @example
   * ```ts
   * const count = hub.subscriptions("messages").length;
   * ```
   */
  subscriptions(topic?: string, subscriber?: string): SubscriptionDocument[] {
    const active = this.#activeSubscriptions;
    if (active === undefined) return [];
    const byName = (text: string) =>
      [{ text }, { text, matchType: "exact" } as const].flatMap((each) => [...active.of(each)]);
    return (topic === undefined ? [...active.all()] : byName(topic))
      .filter((subscription) => subscriber === undefined || subscription.subscriber === subscriber)
      .map((subscription) => subscriptionDocument(this.publicPath, subscription, true));
  }

  /**
   * Calls the listener for each subscription that begins or ends, on any node. Returns a function that removes the
   * listener. With the option `subscriptions: false` the hub never calls it.
   *
   * @example
   * ```ts
   * const remove = hub.onSubscription(({ topic, active }) => console.log(topic, active));
   * remove();
   * ```
   */
  onSubscription(listener: SubscriptionListener): () => void {
    return this.#listeners.add(listener);
  }

  /**
   * Sets the one listener that the hub calls for each refused request. The listener must not throw.
   *
   * @internal
   */
  onRefusal(listener: RefusalListener): void {
    this.#refusalListener = listener;
  }

  /**
   * Ends streams now, on every node that the transport reaches, and revokes their tokens issued until now. The target
   * is a subject (the claim `sub`), a topic that tokens grant, or a subscriber. Streams of a topic without a token end
   * too. Their clients can reconnect, because the hub cannot tell them apart.
   *
   * @throws MercureError `ERR_OPTION` unless the target names exactly one of these, `ERR_CLOSED`. Rethrows errors of
   * the transport: the streams of this node have then ended, and other nodes may not have received the order.
   * @example
   * ```ts
   * await hub.disconnect({ subject: "7" });
   * ```
   */
  async disconnect(target: DisconnectTarget): Promise<void> {
    if (this.#dispatcher.closed) throw hubClosed();
    await this.#disconnections.broadcast(target);
    await this.#nodes?.confirmed();
  }

  /**
   * Ends all streams and iterations, and answers later requests with 503. Resolves once pending updates are stored. A
   * transport that was given as an object stays open. A second call ends a drain at once.
   *
   * @throws MercureError `ERR_OPTION` for an unknown or invalid option.
   * @example
   * ```ts
   * await hub.close({ drainTimeout: 20, retrySpread: 5 });
   * ```
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { retrySpread } = readCloseOptions(options);
    await this.drain(options);
    if (retrySpread !== undefined) this.#subscribers.spreadRetries(retrySpread);
    this.#dispatcher.close();
    this.#disconnections.close();
    await this.#activeSubscriptions?.settled();
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#onStored = resolve));
    this.#nodes?.close();
    await this.#ownTransport?.close();
  }

  /**
   * Hands the streams over to other nodes, if the option `drainTimeout` asks for it. The first part of {@link Hub.close}.
   *
   * @internal
   */
  async drain(options: CloseOptions): Promise<void> {
    const { drainTimeout } = readCloseOptions(options);
    if (this.#drain !== undefined) this.#drain.finish();
    else if (drainTimeout > 0 && this.#nodes !== undefined && !this.#dispatcher.closed) {
      const { streams } = this.#nodes;
      streams.drain();
      this.#drain = new Drain(this.#subscribers, () => streams.hasSuccessor, this.#clock, drainTimeout);
    }
    await this.#drain?.done;
  }

  /** Returns the error for requests that the hub cannot answer now. */
  #unavailable(): unknown {
    if (this.#dispatcher.closed) return hubClosed();
    // A stream that begins now would be told of a gap, and a token could be checked without the orders to refuse it.
    return this.state === "starting" ? storeUnavailable() : undefined;
  }

  #report(error: unknown): void {
    this.#logger.error("htmx-mercure: the hub failed to answer.", error);
  }
}
