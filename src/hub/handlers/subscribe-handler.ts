import type { IncomingMessage, ServerResponse } from "node:http";
import { type Matcher, MatcherList } from "../../protocol/matching/matcher.js";
import { requestedMatchers } from "../../protocol/matching/subscription-parameters.js";
import { HttpProblem, tokenMissing, tokenRefused } from "../../protocol/problem.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { type CloseReason, encodeClose } from "../../protocol/sse/close-event.js";
import { streamKeyIn } from "../../protocol/stream-key.js";
import { grantParameter } from "../../protocol/tokens/authz-cookies.js";
import { noGrants, type Payloads, payloadsOf } from "../../protocol/tokens/grants.js";
import type { Authenticator, Identity } from "../auth/authentication.js";
import type { Bearer } from "../auth/revocations.js";
import { hubClosed } from "../fan-out/dispatcher.js";
import { SubscriptionScope } from "../fan-out/subscription-scope.js";
import { queryOf } from "../http/request.js";
import { ConnectionQuotas } from "../limits/connection-quotas.js";
import { type Quotas, StreamSlot } from "../limits/stream-slot.js";
import { SubscriptionBudget } from "../limits/subscription-budget.js";
import type { HubSettings } from "../options/hub-options.js";
import { newPace } from "../pacer.js";
import { Connection, streamHeaders } from "../streams/connection.js";
import { Lifetime } from "../streams/lifetime.js";
import { missedIntervals, watchPeer } from "../streams/peer-watch.js";
import { admitsEventStream } from "../streams/pipelining.js";
import { precedingIdHeaders, resolveReplayStart, withMissed } from "../streams/replay-start.js";
import { ScopeHistory } from "../streams/scope-history.js";
import { startPace } from "../streams/start-pace.js";
import type { StreamServices } from "../streams/stream-services.js";
import { SubjectLimit } from "../streams/subject-limit.js";
import { Subscriber } from "../streams/subscriber.js";
import { newSubscriberId } from "../streams/subscriber-id.js";
import type { Subscription } from "../streams/subscription.js";
import { requestedEventId, subscriptionParameters } from "./subscription-request.js";

type SubscribeSettings = Pick<
  HubSettings,
  | "allowAnonymous"
  | "authorize"
  | "connectionBounds"
  | "connectionLifetime"
  | "hubUrl"
  | "keepaliveInterval"
  | "matcherLimits"
  | "memoryBounds"
  | "protocol"
  | "maxQueryBytes"
>;

/** The details of a request besides its subscription. */
export interface SubscriptionRequest {
  readonly parameters: URLSearchParams;
  /** Undefined for a stream that the application opens itself. */
  readonly version: ProtocolVersion | undefined;
  /** The subject of the token that opens the stream, if it has one. */
  readonly subject?: string | undefined;
  /** The client that the application admitted without a token, and the time. */
  readonly bearer?: Bearer | undefined;
}

/** A subscription before its admission. */
interface RequestedSubscription extends Omit<Subscription, "id" | "endsAt" | "slot" | "payloadOf"> {
  /** The time when the client must show a new token, in milliseconds since 1970; undefined for never. */
  readonly authorizedUntil: number | undefined;
  readonly matchers: MatcherList;
  /** Matchers of private updates: the stream carries those with at least one matching topic. */
  readonly privateTopics: MatcherList;
  readonly payloads: Payloads;
}

/** A subscription whose payloads are not known yet. */
type AdmittedSubscription = Omit<Subscription, "payloadOf"> & Pick<RequestedSubscription, "payloads">;

const anonymous = {
  grants: noGrants,
  firstExpiresAt: undefined,
  lastExpiresAt: undefined,
  subject: undefined,
  sub: undefined,
  tokens: [],
};

/** Answers GET, HEAD and QUERY requests that subscribe. Mercure "Subscription". */
export class SubscribeHandler {
  readonly #tokens: Authenticator;
  readonly #settings: SubscribeSettings;
  readonly #bounds: Quotas;
  /** Undefined if the hub has only one node. */
  readonly #subjectLimit: SubjectLimit | undefined;
  readonly #lifetime: Lifetime;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #services: StreamServices<Subscriber>;
  #arrivals = 0;

  constructor(tokens: Authenticator, settings: SubscribeSettings, services: StreamServices<Subscriber>) {
    this.#tokens = tokens;
    this.#settings = settings;
    const { perSubject } = settings.connectionBounds;
    const { nodeStreams, subscribers } = services;
    const elsewhere = (subject: string) => nodeStreams?.countOf(subject) ?? 0;
    const connections = new ConnectionQuotas<StreamSlot>(settings.connectionBounds, elsewhere);
    this.#subjectLimit =
      nodeStreams &&
      new SubjectLimit({
        nodes: nodeStreams,
        max: perSubject,
        isExceeded: (subject) => connections.countOf(subject) > perSubject,
        end: (ids) => subscribers.end(({ id }) => ids.has(id)),
      });
    this.#bounds = { connections, memory: new SubscriptionBudget(settings.memoryBounds, connections) };
    this.#lifetime = new Lifetime(settings.connectionLifetime, Math.random, () => services.clock.now());
    const { keepaliveInterval } = settings;
    // The client tells a dead connection by the comments that stay away.
    this.#headers = {
      ...streamHeaders,
      ...(keepaliveInterval > 0 && { "Mercure-Keep-Alive": String(keepaliveInterval) }),
    };
    this.#services = services;
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { allowAnonymous, protocol, matcherLimits, hubUrl, maxQueryBytes } = this.#settings;
    const arrival = ++this.#arrivals;
    const query = queryOf(req);
    const parameters = await subscriptionParameters(req, query, maxQueryBytes, this.#bounds.memory);
    const { matchers, version } = await requestedMatchers(parameters, protocol, matcherLimits, hubUrl, newPace());
    const grant = parameters.get(grantParameter);
    const closes = grant !== null;
    let identity: Identity | undefined;
    let privateTopics: MatcherList | undefined;
    try {
      identity = await this.#tokens.identify(req, query, grant);
      if (identity === undefined && (closes || !allowAnonymous)) throw tokenMissing();
      if (identity?.fromCookie) privateTopics = await this.#authorized(req, matchers, identity);
    } catch (error) {
      const reason = closes ? closeReasonOf(error) : undefined;
      if (reason === undefined) throw error;
      return this.#closeAtOnce(req, res, reason, error);
    }
    const { grants, firstExpiresAt, lastExpiresAt, subject, sub, tokens } = identity ?? anonymous;
    // If another cookie is still valid, the client can reconnect without the expired one.
    const closeReason = firstExpiresAt !== undefined && firstExpiresAt === lastExpiresAt ? "expired" : undefined;
    privateTopics ??= grants.subscribe;
    const named = { ...streamKeyIn(parameters), arrival };
    const time = { authorizedUntil: firstExpiresAt, closeReason } as const;
    const requested = { matchers, privateTopics, ...time, payloads: grants, tokens, subject: sub, ...named };
    try {
      await this.open(req, res, requested, { parameters, version, subject });
    } catch (error) {
      // The token may have been revoked while history was read.
      const reason = closes && !res.headersSent ? closeReasonOf(error) : undefined;
      if (reason === undefined) throw error;
      this.#closeAtOnce(req, res, reason, error);
    }
  }

  /**
   * Returns the grants of cookies that the application still confirms: cookies outlive the permissions they stand for.
   *
   * @throws HttpProblem 403 when the application rejects a requested topic or all grants.
   */
  async #authorized(req: IncomingMessage, requested: MatcherList, { grants }: Identity): Promise<MatcherList> {
    const { authorize } = this.#settings;
    const { all } = grants.subscribe;
    const mayReceive = (matchers: readonly Matcher[]) =>
      authorize!(
        req,
        matchers.map(({ pattern }) => pattern),
      );
    if (authorize === undefined || all.length === 0 || (await mayReceive(all))) return grants.subscribe;
    const kept: Matcher[] = [];
    for (const matcher of all) if (await mayReceive([matcher])) kept.push(matcher);
    const left = new MatcherList(kept);
    const pace = startPace();
    let isShort = false;
    for (const topic of requested.exact) {
      isShort ||= !(await left.matchesPaced(topic, pace)) && (await grants.subscribe.matchesPaced(topic, pace));
    }
    if (!isShort && kept.length > 0) return left;
    throw tokenRefused("insufficient_scope", "The application does not grant these topics.");
  }

  #closeAtOnce(req: IncomingMessage, res: ServerResponse, reason: CloseReason, error: unknown): void {
    res.writeHead(200, streamHeaders).end(req.method === "HEAD" ? "" : encodeClose(reason));
    this.#services.onCloseAtOnce(req, error);
  }

  /** Opens a stream for a client that is already authorized. */
  async open(
    req: IncomingMessage,
    res: ServerResponse,
    requested: RequestedSubscription,
    request: SubscriptionRequest = { parameters: queryOf(req), version: undefined },
  ): Promise<void> {
    const connection = new Connection(res, this.#settings.keepaliveInterval * 1000 * missedIntervals);
    const { matchers, privateTopics, key, turn, arrival, payloads, tokens, subject } = requested;
    // The admission precedes every await, or many clients could pass the limits at once.
    const requestedScope = new SubscriptionScope(matchers, privateTopics);
    // The hub can hear late that a client has closed its last connection.
    const open = key === undefined ? undefined : this.#services.subscribers.byKey.get(key);
    const last = open?.hasRights(tokens ?? [], subject, requestedScope) ? open.slot : undefined;
    const slot = new StreamSlot(this.#bounds, req, request.subject, requestedScope, last);
    const endsAt = this.#lifetime.endOf(requested.authorizedUntil);
    const closeReason = endsAt === requested.authorizedUntil ? requested.closeReason : undefined;
    const id = newSubscriberId();
    const subscription = { id, key, turn, arrival, endsAt, closeReason, payloads, tokens, subject, slot };
    let started = false;
    try {
      started = await this.#start(req, res, slot.scope, subscription, request, connection);
    } finally {
      if (!started) slot.release(last);
    }
    if (started && request.subject !== undefined) this.#subjectLimit?.check(request.subject);
  }

  /** Starts a stream. Returns whether it is open now. */
  async #start(
    req: IncomingMessage,
    res: ServerResponse,
    scope: SubscriptionScope,
    subscription: AdmittedSubscription,
    { parameters, version, bearer }: SubscriptionRequest,
    connection: Connection,
  ): Promise<boolean> {
    const { transport, dispatcher, disconnections, replays } = this.#services;
    const eventId = requestedEventId(req, parameters, version ?? 0);
    const pace = startPace();
    await scope.prepare(newPace());
    const texts = scope.selectors.map(({ text }) => text);
    const payloadOf = await payloadsOf(subscription.payloads, texts, pace);
    const start = withMissed(
      await resolveReplayStart(transport, eventId, new ScopeHistory(scope, transport, replays)),
      this.#services.missed?.through(scope.selectors) ?? 0,
      transport,
    );
    const { precedingId } = start;
    if (connection.closed) return false;
    if (dispatcher.closed) throw hubClosed();
    // The revocation may have arrived while history was read. From here on, revocations end the stream.
    const bearers = bearer === undefined ? subscription.tokens : [bearer];
    if (disconnections.isRevokedNow(bearers)) throw tokenRefused("invalid_token", "The token is revoked.");
    const headers = { ...this.#headers, ...precedingIdHeaders(precedingId, version) };
    if (req.method === "HEAD") {
      res.writeHead(200, headers).end();
      return false;
    }
    if (!admitsEventStream(res)) return false;
    Subscriber.open(scope, { ...subscription, payloadOf }, connection, headers, start, this.#services);
    watchPeer(res, this.#settings.keepaliveInterval);
    return true;
  }
}

/**
 * Returns the reason to send in a close event, for clients that support it. Stock scripts reopen a refused stream
 * again and again, whatever the status. Only the event stops them.
 */
function closeReasonOf(error: unknown): CloseReason | undefined {
  if (!(error instanceof HttpProblem) || error.challenge === undefined) return undefined;
  return ({ 401: "expired", 403: "forbidden" } as const)[error.status as number];
}
