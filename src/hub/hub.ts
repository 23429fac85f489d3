import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ActiveSubscription,
  type SubscriptionDocument,
  subscriptionDocument,
} from "../protocol/active-subscription.js";
import type { DisconnectTarget } from "../protocol/disconnection.js";
import { validateDraft } from "../protocol/draft.js";
import { compileTopics, type TopicMatcher } from "../protocol/matching/topic-matcher.js";
import { methodNotAllowed, problemOf, Refusal, refusalOf } from "../protocol/problem.js";
import { noGrants } from "../protocol/tokens/grants.js";
import type { Draft, Update } from "../protocol/update.js";
import { type Clock, systemClock } from "../shared/clock.js";
import { distinctTime } from "../shared/distinct-time.js";
import { MercureError } from "../shared/errors.js";
import { refuseUnknownOptions } from "../shared/known-options.js";
import type { Logger } from "../shared/logger.js";
import { onRejection } from "../shared/on-rejection.js";
import { describeValue } from "../shared/plain-object.js";
import type { Transport } from "../transport/transport.js";
import { authenticatorFor, defaultCookieNames } from "./auth/authenticators.js";
import { OrderChannel } from "./auth/control-channel.js";
import type { VerifiedToken } from "./auth/verified-token.js";
import { Dispatcher, hubClosed } from "./fan-out/dispatcher.js";
import { EncodedEvents } from "./fan-out/encoded-events.js";
import { EncodedReplays } from "./fan-out/encoded-replays.js";
import { Turns } from "./fan-out/tick-batch.js";
import { guardedObserver } from "./guarded-observer.js";
import { type DescribedSettings, describeApi, descriptionPath } from "./handlers/api-description.js";
import { PublishHandler } from "./handlers/publish-handler.js";
import { describeResource, isForMetadata, metadataUrl, type ResourceMetadata } from "./handlers/resource-metadata.js";
import { SubscribeHandler } from "./handlers/subscribe-handler.js";
import { SubscriptionsHandler } from "./handlers/subscriptions-handler.js";
import { Cors } from "./http/cors.js";
import type { HubRequest, HubResponse } from "./http/messages.js";
import { answerPublicDocument } from "./http/public-document.js";
import { hubUrlOf, pathFromHub, queryOf } from "./http/request.js";
import type { HubObserver } from "./observer.js";
import { type HubOptions, type HubSettings, resolveHubOptions } from "./options.js";
import { ActiveSubscriptions } from "./streams/active-subscriptions.js";
import { Disconnections } from "./streams/disconnections.js";
import { Expirations } from "./streams/expirations.js";
import { admitsRequest } from "./streams/pipelining.js";
import type { Subscriber } from "./streams/subscriber.js";
import { Subscribers } from "./streams/subscribers.js";
import { UpdateReader, type Updates, type UpdatesOptions, updatesOptions } from "./streams/update-reader.js";

export interface StreamOptions {
  /**
   * What to stream. A string is the name of one topic, whatever is in it; `{ match, match_type }` can be a pattern, and
   * `{ match: "*", match_type: "uritemplate" }` is all topics.
   */
  readonly topics: string | TopicMatcher | readonly (string | TopicMatcher)[];
  /** Whether private updates of these topics are streamed too. Default false. */
  readonly private?: boolean | undefined;
  /** What other subscribers may learn of this one by subscription events; anything that JSON holds. Default nothing. */
  readonly payload?: unknown;
  /** Whose stream it is, for {@link Hub.disconnect}. Default nobody's. */
  readonly subject?: string | undefined;
  /**
   * When the application let the client through, in milliseconds since 1970: a {@link Hub.disconnect} since then refuses
   * the stream. Give it where your code awaits something in between. Default: now.
   */
  readonly authorizedAt?: number | undefined;
}

const streamOptions: readonly string[] = [
  "private",
  "topics",
  "payload",
  "subject",
  "authorizedAt",
] satisfies (keyof StreamOptions)[];

/** Express's way to the next handler, or with an error to the handlers of errors. */
type Next = (error?: unknown) => void;

/** @param isPrivate - Whether private updates of it come through too. */
type SubscriptionListener = (subscription: SubscriptionDocument, isPrivate: boolean) => void;

/** @param refusal - As the client is told it, or would be if its stream were not closed instead. */
type RefusalListener = (request: HubRequest, refusal: Refusal) => void;

export interface CloseOptions {
  /** Clients are told to come back after a second, at random within so many more. Default: they are told nothing. */
  readonly retrySpread?: number | undefined;
}

/** A Mercure hub over Node's HTTP servers, with or without Express before it. */
export class Hub {
  /** The path at which the hub answers. */
  readonly path: string;
  /** The path of the hub's URL as clients see it, with which the topics of its own updates begin. */
  readonly publicPath: string;
  readonly #transport: Transport;
  readonly #logger: Logger;
  readonly #observer: HubObserver | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #subscribers: Subscribers<Subscriber>;
  readonly #disconnections: Disconnections;
  /** Undefined when the hub does not tell who is subscribed. */
  readonly #activeSubscriptions: ActiveSubscriptions | undefined;
  readonly #subscriptionListeners = new Set<SubscriptionListener>();
  #refusalListener: RefusalListener | undefined;
  readonly #subscriptionsHandler: SubscriptionsHandler | undefined;
  readonly #turns = new Turns();
  readonly #subscribe: SubscribeHandler;
  readonly #cors: Cors;
  readonly #settings: DescribedSettings & Pick<HubSettings, "hubUrl">;
  readonly #metadata: ResourceMetadata;
  /** Undefined when the hub does not know its public URL, or speaks Mercure 0.x alone. */
  readonly #metadataUrl: URL | undefined;
  /** Undefined when nothing may be published over HTTP. */
  readonly #publishHandler: PublishHandler | undefined;

  /** @throws MercureError `ERR_OPTION` for an unknown or impossible option. */
  constructor(options: HubOptions);
  /** @internal */
  constructor(options: HubOptions, clock?: Clock);
  constructor(options: HubOptions, clock: Clock = systemClock) {
    const settings = resolveHubOptions(options);
    const { path, publicPath, logger } = settings;
    const orders = new OrderChannel(settings.transport, publicPath);
    const transport = orders.rest;
    this.path = path;
    this.publicPath = publicPath;
    this.#settings = settings;
    this.#transport = transport;
    this.#logger = logger;
    this.#observer = settings.observer && guardedObserver(settings.observer, (error) => this.#report(error));
    this.#dispatcher = new Dispatcher(transport);
    const dispatcher = this.#dispatcher;
    const events = new EncodedEvents();
    this.#subscribers = new Subscribers<Subscriber>({
      ...settings,
      observer: this.#observer,
      dispatcher,
      events,
      turns: this.#turns,
    });
    this.#disconnections = new Disconnections(orders, this.#subscribers, (error) => this.#report(error));
    const isRevoked = (token: VerifiedToken) => this.#disconnections.refuses(token);
    if (settings.subscriptions) {
      this.#activeSubscriptions = new ActiveSubscriptions(
        publicPath,
        transport,
        (error) => this.#report(error),
        (subscription, active) => this.#tell(subscription, active),
      );
    }
    const surroundings = {
      transport,
      dispatcher,
      replays: new EncodedReplays(transport, dispatcher, events),
      expirations: new Expirations(clock),
      subscribers: this.#subscribers,
      disconnections: this.#disconnections,
      activeSubscriptions: this.#activeSubscriptions,
      clock,
      onError: (error: unknown) => this.#report(error),
      onCloseAtOnce: (req: IncomingMessage, error: unknown) => this.#refusalListener?.(req, refusalOf(error)),
    };
    this.#cors = new Cors(settings.corsOrigins);
    this.#metadata = describeResource({ ...settings, cookieName: settings.cookieName ?? defaultCookieNames[0] });
    // Clients take a hub that has metadata for one of Mercure 1.0.
    this.#metadataUrl = settings.protocol === 0 ? undefined : metadataUrl(settings.resource);
    const tokens = authenticatorFor("subscriber", settings, isRevoked, clock);
    this.#subscribe = new SubscribeHandler(tokens, settings, surroundings);
    if (this.#activeSubscriptions) {
      const active = this.#activeSubscriptions;
      this.#subscriptionsHandler = new SubscriptionsHandler(settings, tokens, active, transport);
    }
    if (settings.allowPublish) {
      const publish = (draft: Draft) => this.publish(draft);
      this.#publishHandler = new PublishHandler(
        authenticatorFor("publisher", settings, isRevoked, clock),
        settings,
        publish,
      );
    }
  }

  /** The id by which a subscriber begins after everything published so far; it is never a publisher's own. */
  get lastEventId(): string {
    return this.#transport.cursor(this.#transport.head);
  }

  /** How many streams are open. */
  get connections(): number {
    return this.#subscribers.size;
  }

  /**
   * Answers a request to the hub's URL, and only there: anything else is 404. Serves as the listener of a server and
   * as a handler of Express, mounted at any path.
   *
   * @param next - Called with an error, `ERR_RESPONSE`, when the response has begun. Default: the error is logged, and the
   * response destroyed unless it has ended.
   */
  readonly handle = (req: HubRequest, res: HubResponse, next?: Next): void => {
    this.#answer(req, res, next, (request, response) => this.#route(request, response));
  };

  /**
   * Streams topics to a client that the application has let through, without asking for a token. The client may resume
   * by `Last-Event-ID`, as at the hub's URL.
   *
   * @param next - As for {@link Hub.handle}.
   */
  stream(req: HubRequest, res: HubResponse, options: StreamOptions, next?: Next): void {
    refuseUnknownOptions(options, streamOptions, "hub.stream");
    const { topics, private: withPrivate = false, payload, subject, authorizedAt = distinctTime() } = options;
    if (typeof withPrivate !== "boolean") {
      throw new MercureError("ERR_OPTION", `private must be true or false, not ${describeValue(withPrivate)}.`);
    }
    const matchers = compileTopics(topics, this.#settings.hubUrl);
    const privateTopics = withPrivate ? matchers : noGrants.subscribe;
    const asked = { matchers, privateTopics, expiresAt: undefined, payloads: { payload }, subject };
    this.#answer(req, res, next, async (request, response) => {
      if (!isRead(request)) throw methodNotAllowed("GET, HEAD");
      const bearer = { id: "", sub: subject, issuedAt: authorizedAt, grants: { subscribe: privateTopics } };
      const said = { parameters: queryOf(request), generation: undefined, bearer };
      return this.#subscribe.open(request, response, asked, said);
    });
  }

  /**
   * Publishes an update and resolves when the transport keeps it.
   *
   * @throws MercureError `ERR_TOPIC`, `ERR_DATA` or `ERR_UPDATE` for a draft that breaks the protocol, `ERR_CLOSED`.
   */
  async publish(draft: Draft): Promise<Update> {
    if (this.#dispatcher.closed) throw hubClosed();
    validateDraft(draft, this.publicPath);
    // Behind a proxy that hides it, this path is the hub's too.
    if (this.path !== this.publicPath) validateDraft(draft, this.path);
    const update = await this.#transport.publish(draft);
    this.#observer?.published();
    const pause = this.#turns.pace();
    if (pause !== undefined) await pause;
    return update;
  }

  /**
   * The updates of topics as they come, private ones included, for code in this process: `for await (const update of
   * hub.updates(["messages"]))`. Topics are read as those of {@link StreamOptions}. Ends when the hub closes.
   */
  updates(topics: StreamOptions["topics"], options: UpdatesOptions = {}): Updates {
    refuseUnknownOptions(options, updatesOptions, "hub.updates");
    const matchers = compileTopics(topics, this.#settings.hubUrl);
    return new UpdateReader(matchers, options, this.#transport, this.#dispatcher);
  }

  /**
   * The streams that are open now, one entry for each topic that they asked for by just this name: of all topics, of
   * one, or of one subscriber. Empty with the option `subscriptions: false`.
   */
  subscriptions(topic?: string, subscriber?: string): SubscriptionDocument[] {
    const active = this.#activeSubscriptions;
    if (active === undefined) return [];
    const byName = (text: string) =>
      [{ text }, { text, matchType: "exact" } as const].flatMap((each) => active.of(each));
    return (topic === undefined ? active.all() : byName(topic))
      .filter((subscription) => subscriber === undefined || subscription.subscriber === subscriber)
      .map((subscription) => subscriptionDocument(this.publicPath, subscription, true));
  }

  /**
   * Calls back with each subscription of this process that begins or ends, at once. Returns the way to stop. Never with
   * the option `subscriptions: false`.
   */
  onSubscription(listener: SubscriptionListener): () => void {
    this.#subscriptionListeners.add(listener);
    return () => this.#subscriptionListeners.delete(listener);
  }

  /**
   * Calls back with each request that the hub has refused. There is one listener at most, which must not throw.
   *
   * @internal
   */
  onRefusal(listener: RefusalListener): void {
    this.#refusalListener = listener;
  }

  /**
   * Ends streams now, on every node that the transport reaches, and refuses their tokens that were issued until now:
   * those of a subject (their claim `sub`), those that grant a topic, or the one of a subscriber. Streams without a
   * token end too, when they are of the topic; their clients come back, since nobody can tell them apart.
   *
   * @throws MercureError `ERR_OPTION` unless exactly one is named, `ERR_CLOSED`; what the transport throws, when this
   * node's streams have ended, and the others may not know.
   */
  async disconnect(target: DisconnectTarget): Promise<void> {
    if (this.#dispatcher.closed) throw hubClosed();
    await this.#disconnections.order(target);
  }

  /** Ends all streams and iterations at once; whoever comes later is answered 503. The transport stays open. */
  async close(options: CloseOptions = {}): Promise<void> {
    refuseUnknownOptions(options, ["retrySpread"], "hub.close");
    const { retrySpread } = options;
    if (retrySpread !== undefined) this.#subscribers.spreadRetries(retrySpread);
    this.#dispatcher.close();
    this.#disconnections.close();
    await this.#activeSubscriptions?.settled();
  }

  /** Runs an answer, and turns whatever goes wrong into a problem document. */
  #answer(
    req: HubRequest,
    res: HubResponse,
    next: Next | undefined,
    answer: (req: IncomingMessage, res: ServerResponse) => Promise<void>,
  ): void {
    // Of what HTTP/1 has we use only what the compatibility API of HTTP/2 has too.
    const request = req as IncomingMessage;
    const response = res as ServerResponse;
    const refuse = (error: unknown) => this.#refuse(request, response, error, next);
    if (hasBegun(response)) {
      const message = "The response has begun or ended, so that the hub cannot answer by it.";
      this.#giveUp(response, new MercureError("ERR_RESPONSE", `${message} Does a handler before it answer too?`), next);
      return;
    }
    if (!admitsRequest(request, response)) return;
    this.#cors.apply(request, response);
    if (this.#cors.answerPreflight(request, response)) return;
    if (this.#dispatcher.closed) refuse(hubClosed());
    else
      answer(request, response)
        .catch(refuse)
        .catch((error: unknown) => this.#giveUp(response, error, next));
  }

  #refuse(req: IncomingMessage, res: ServerResponse, error: unknown, next: Next | undefined): void {
    // Somebody else has answered meanwhile, as when a request takes too long.
    if (hasBegun(res)) {
      this.#giveUp(res, error, next);
      return;
    }
    const { status, headers, body } = problemOf(error, this.#metadataUrl?.href);
    if (status === 500 || (error instanceof Refusal && error.cause !== undefined)) this.#report(error);
    // HTTP/2 knows no such header, and would refuse the answer for it.
    const known = Object.entries(headers).filter(([name]) => req.httpVersionMajor === 1 || name !== "Connection");
    res.writeHead(status, { ...Object.fromEntries(known), "Content-Length": Buffer.byteLength(body) });
    res.end(req.method === "HEAD" ? "" : body);
    this.#refusalListener?.(req, refusalOf(error));
  }

  /** Leaves an error to whoever comes next, or ends a response that nobody would end. */
  #giveUp(res: ServerResponse, error: unknown, next: Next | undefined): void {
    if (next !== undefined) {
      next(error);
      return;
    }
    this.#report(error);
    if (!res.writableEnded) res.destroy();
  }

  #tell(subscription: ActiveSubscription, active: boolean): void {
    if (this.#subscriptionListeners.size === 0) return;
    const document = subscriptionDocument(this.publicPath, subscription, active);
    for (const listener of this.#subscriptionListeners) {
      try {
        onRejection(listener(document, subscription.isPrivate ?? false), (error) => this.#report(error));
      } catch (error) {
        this.#report(error);
      }
    }
  }

  #report(error: unknown): void {
    this.#logger.error("htmx-mercure: the hub failed to answer.", error);
  }

  async #route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (isForMetadata(req, this.path, this.#metadataUrl)) return answerPublicDocument(req, res, this.#metadata);
    const below = pathFromHub(req, this.path);
    if (below === descriptionPath) {
      const paths = { hub: hubUrlOf(req, below), metadata: this.#metadataUrl?.pathname };
      return answerPublicDocument(req, res, describeApi(this.#settings, paths));
    }
    if (this.#subscriptionsHandler && (below === "/subscriptions" || below?.startsWith("/subscriptions/"))) {
      if (!isRead(req)) throw methodNotAllowed("GET, HEAD");
      return this.#subscriptionsHandler.handle(req, res, below);
    }
    if (below !== "") throw new Refusal(404, `The hub is at ${this.path}.`);
    if (isRead(req) || req.method === "QUERY") return this.#subscribe.handle(req, res);
    if (this.#publishHandler === undefined) {
      throw methodNotAllowed("GET, HEAD, QUERY", "No updates are taken over HTTP here.");
    }
    if (req.method !== "POST") throw methodNotAllowed("GET, HEAD, QUERY, POST");
    return this.#publishHandler.handle(req, res);
  }
}

function hasBegun(res: ServerResponse): boolean {
  return res.headersSent || res.writableEnded;
}

function isRead({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}
