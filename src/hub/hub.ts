import { type SubscriptionDocument, subscriptionDocument } from "../protocol/active-subscription.js";
import type { DisconnectTarget } from "../protocol/disconnection.js";
import { compileTopics } from "../protocol/matching/topic-matcher.js";
import type { Draft, Update } from "../protocol/update.js";
import { type Clock, systemClock } from "../shared/clock.js";
import { assertKnownOptions } from "../shared/known-options.js";
import type { Transaction } from "../shared/transaction.js";
import { Closing, type HubState } from "./closing.js";
import { ApplicationStreams } from "./handlers/application-streams.js";
import { type Next, RequestAnswers } from "./handlers/request-answers.js";
import { Cors } from "./http/cors.js";
import { holdBody } from "./http/form-body.js";
import type { HubRequest, HubResponse } from "./http/messages.js";
import { assembleParts, type HubParts, type RefusalListener } from "./hub-parts.js";
import type { CloseOptions } from "./options/close-options.js";
import { type HubOptions, type HubSettings, resolveHubOptions } from "./options/hub-options.js";
import { warnOfSeveralProcesses } from "./several-processes.js";
import type { StreamOptions } from "./streams/stream-options.js";
import type { SubscriptionListener } from "./streams/subscription-listeners.js";
import { UpdateReader, type Updates, type UpdatesOptions, updatesOptions } from "./streams/update-reader.js";

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
  readonly #settings: Pick<HubSettings, "hubUrl" | "ownTransport">;
  readonly #parts: HubParts;
  readonly #answers: RequestAnswers;
  readonly #streams: ApplicationStreams;
  readonly #closing: Closing;
  #refusalListener: RefusalListener | undefined;

  /** @throws MercureError `ERR_OPTION` for an unknown or invalid option. */
  constructor(options: HubOptions);
  /** @internal */
  constructor(options: HubOptions, clock?: Clock);
  constructor(options: HubOptions, clock: Clock = systemClock) {
    const settings = resolveHubOptions(options);
    const { path, publicPath, logger } = settings;
    warnOfSeveralProcesses(settings.transport, logger);
    const report = (error: unknown) => logger.error("htmx-mercure: the hub failed to answer.", error);
    const onRefusal: RefusalListener = (req, refusal) => this.#refusalListener?.(req, refusal);
    this.path = path;
    this.publicPath = publicPath;
    this.#settings = settings;
    this.#parts = assembleParts(settings, clock, report, onRefusal);
    this.#closing = new Closing(this.#parts, clock);
    this.#answers = new RequestAnswers({
      ...this.#parts,
      cors: new Cors(settings.corsOrigins),
      report,
      onRefusal,
    });
    this.#streams = new ApplicationStreams(this.#answers, this.#parts.subscribe, settings.hubUrl);
  }

  /**
   * The id of the present end of history. A subscriber that resumes from it receives only later updates. It never
   * equals an id that a publisher chose. {@link https://mercure.rocks/spec#reconciliation | Mercure, reconnection}.
   */
  get lastEventId(): string {
    return this.#parts.transport.cursor(this.#parts.transport.head);
  }

  /**
   * Returns the time by the clock that all nodes of the hub share, in milliseconds since 1970. {@link Hub.disconnect}
   * compares it with the tokens' time of issue.
   *
   * @internal
   */
  now(): number {
    return this.#parts.transport.now();
  }

  /** Whether the transport can have several nodes. @internal */
  get isShared(): boolean {
    return this.#parts.nodes !== undefined;
  }

  /** The newest position that this node knows. @internal */
  get position(): number {
    return this.#parts.transport.head;
  }

  /**
   * Tells the streams of a topic on all nodes that they have missed updates. Does nothing if the transport is for one node.
   *
   * @internal
   */
  async tellMissed(topic: string): Promise<void> {
    await this.#parts.nodes?.missed.tell(topic);
  }

  /** Resolves when the hub can serve streams: once its transport is ready. Never rejects. */
  get ready(): Promise<void> {
    return this.#parts.transport.ready;
  }

  /**
   * The state of the transport, and of the hub at its end. `starting`: requests get 503 with `Retry-After`. `away`: the
   * store is unreachable, so streams stay open and publishing waits, at most `publishTimeout`. `draining`: {@link Hub.close} hands the streams over
   * to other nodes, so proxies should send no new ones. `closed`: requests get 503.
   */
  get state(): HubState {
    return this.#closing.state;
  }

  /** The number of open streams. */
  get connections(): number {
    return this.#parts.subscribers.size;
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
    this.#answers.handle(req, res, next);
  };

  /**
   * Streams topics to a client that the application has authorized; the hub checks no token. The client can resume with
   * `Last-Event-ID`, as at the hub's URL. {@link https://mercure.rocks/spec#subscription | Mercure "Subscription"}.
   *
   * @param next - As for {@link Hub.handle}.
   * @throws MercureError `ERR_OPTION` for an invalid option, `ERR_TOPIC` for an invalid topic.
   * @example
   * ```ts
   * app.get("/orders/stream", (req, res, next) => hub.stream(req, res, { topics: "orders", private: true }, next));
   * ```
   */
  stream(req: HubRequest, res: HubResponse, options: StreamOptions, next?: Next): void {
    this.#streams.open(req, res, options, this.now(), next);
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
  publish(draft: Draft): Promise<Update> {
    return this.#parts.publications.publish(draft);
  }

  /**
   * Publishes an update if and when a transaction commits.
   *
   * @throws MercureError `ERR_OPTION` without a transport of its database, and the errors of {@link Hub.publish}.
   * @internal
   */
  publishIn(transaction: Transaction, draft: Draft): Promise<void> {
    return this.#parts.publications.publishIn(transaction, draft);
  }

  /**
   * Checks what {@link Hub.publish} checks.
   *
   * @internal
   */
  check(draft: Draft): void {
    this.#parts.publications.check(draft);
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
    return new UpdateReader(matchers, options, this.#parts.transport, this.#parts.dispatcher);
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
    const active = this.#parts.activeSubscriptions;
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
   * {@link https://mercure.rocks/spec#subscription-events | Mercure "Subscription Events"}.
   *
   * @example
   * ```ts
   * const remove = hub.onSubscription(({ topic, active }) => console.log(topic, active));
   * remove();
   * ```
   */
  onSubscription(listener: SubscriptionListener): () => void {
    return this.#parts.listeners.add(listener);
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
   * too. Their clients can reconnect.
   *
   * @throws MercureError `ERR_OPTION` unless the target names exactly one of these, `ERR_CLOSED`. Rethrows errors of
   * the transport: the streams of this node have then ended, and other nodes may not have received the message.
   * @example
   * ```ts
   * await hub.disconnect({ subject: "7" });
   * ```
   */
  async disconnect(target: DisconnectTarget): Promise<void> {
    this.#closing.assertOpen();
    await this.#parts.disconnections.broadcast(target);
    await this.#parts.nodes?.confirmed();
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
    await this.#closing.close(options);
    await this.#settings.ownTransport?.close();
  }

  /**
   * Hands the streams over to other nodes, if the option `drainTimeout` asks for it. The first part of {@link Hub.close}.
   *
   * @internal
   */
  async drain(options: CloseOptions): Promise<void> {
    await this.#closing.drain(options);
  }
}
