import type { IncomingMessage, ServerResponse } from "node:http";
import { grantParameter } from "../protocol/authz-cookies.js";
import { type CloseReason, encodeClose } from "../protocol/close-event.js";
import type { Generation } from "../protocol/generation.js";
import { type Grants, noGrants } from "../protocol/grants.js";
import type { Matcher, MatcherList } from "../protocol/matcher.js";
import { Refusal, tokenMissing, tokenRefused } from "../protocol/problem.js";
import { requestedMatchers } from "../protocol/subscription-parameters.js";
import type { Announcement } from "./active-subscriptions.js";
import type { Authenticator, Identity } from "./authentication.js";
import { begin, precedingIdHeaders } from "./beginning.js";
import { Connection, streamHeaders } from "./connection.js";
import { addressOf, ConnectionLimits } from "./connection-limits.js";
import { hubClosed } from "./dispatcher.js";
import { Lifetime } from "./lifetime.js";
import type { HubSettings } from "./options.js";
import { queryOf } from "./request.js";
import { Subscriber, type Subscription, type Surroundings } from "./subscriber.js";
import { requestedEventId, subscriptionParameters } from "./subscription-request.js";

type SubscribeSettings = Pick<
  HubSettings,
  "allowAnonymous" | "authorize" | "connectionBounds" | "connectionLifetime" | "protocol" | "matcherLimits" | "hubUrl"
>;

/** What a request says besides its subscription. */
export interface SubscriptionRequest {
  readonly parameters: URLSearchParams;
  /** Undefined for a stream of the application's own, which is of neither. */
  readonly generation: Generation | undefined;
  /** Whose token opens the stream, if it says so. */
  readonly subject?: string | undefined;
}

const anonymous = { grants: noGrants, expiresAt: undefined, lastExpiresAt: undefined, subject: undefined };

/** Answers GET, HEAD and QUERY requests that subscribe. Mercure "Subscription". */
export class SubscribeHandler {
  readonly #tokens: Authenticator;
  readonly #settings: SubscribeSettings;
  readonly #limits: ConnectionLimits;
  readonly #lifetime: Lifetime;
  readonly #surroundings: Surroundings;

  constructor(tokens: Authenticator, settings: SubscribeSettings, surroundings: Surroundings) {
    this.#tokens = tokens;
    this.#settings = settings;
    this.#limits = new ConnectionLimits(settings.connectionBounds);
    this.#lifetime = new Lifetime(settings.connectionLifetime, Math.random, () => surroundings.clock.now());
    this.#surroundings = surroundings;
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { allowAnonymous, protocol, matcherLimits, hubUrl } = this.#settings;
    const parameters = await subscriptionParameters(req);
    const { matchers, generation } = requestedMatchers(parameters, protocol, matcherLimits, hubUrl);
    const closes = parameters.has(grantParameter);
    let identity: Identity | undefined;
    try {
      identity = await this.#tokens.identify(req, queryOf(req));
      if (identity === undefined && (closes || !allowAnonymous)) throw tokenMissing();
      if (identity?.fromCookie) await this.#authorize(req, matchers, identity);
    } catch (error) {
      const reason = closes ? closeReasonOf(error) : undefined;
      if (reason === undefined) throw error;
      return closeAtOnce(req, res, reason);
    }
    const { grants, expiresAt, lastExpiresAt, subject } = identity ?? anonymous;
    const announcement = announcementOf(matchers.all, grants);
    // Where another cookie still does, the client may come back without the one that has expired.
    const closeReason: CloseReason | undefined = expiresAt === lastExpiresAt ? "expired" : undefined;
    const subscription = { matchers, privateTopics: grants.subscribe, expiresAt, closeReason, announcement };
    await this.open(req, res, subscription, { parameters, generation, subject });
  }

  /** Asks the application about what cookies grant, which outlive what it has granted them for. */
  async #authorize(req: IncomingMessage, { exact, patterns }: MatcherList, { grants }: Identity): Promise<void> {
    const { authorize } = this.#settings;
    if (authorize === undefined) return;
    const asked = [...exact].filter((topic) => grants.subscribe.matches(topic));
    const wide = patterns.length > 0 ? grants.subscribe.all.map(({ pattern }) => pattern) : [];
    const topics = [...new Set([...asked, ...wide])];
    if (topics.length > 0 && !(await authorize(req, topics))) {
      throw tokenRefused("insufficient_scope", "The application does not let you receive these topics.");
    }
  }

  /** Opens a stream, whoever may have allowed it. */
  async open(
    req: IncomingMessage,
    res: ServerResponse,
    subscription: Subscription,
    request: SubscriptionRequest = { parameters: queryOf(req), generation: undefined },
  ): Promise<void> {
    const connection = new Connection(res);
    // Before anything is awaited, or many could come in at once.
    const onEnd = this.#limits.enter(addressOf(req), request.subject);
    const expiresAt = this.#lifetime.endOf(subscription.expiresAt);
    const closeReason = expiresAt === subscription.expiresAt ? subscription.closeReason : undefined;
    let started = false;
    try {
      started = await this.#start(req, res, { ...subscription, expiresAt, closeReason, onEnd }, request, connection);
    } finally {
      if (!started) onEnd();
    }
  }

  /** Returns whether a stream is open now. */
  async #start(
    req: IncomingMessage,
    res: ServerResponse,
    subscription: Subscription,
    { parameters, generation }: SubscriptionRequest,
    connection: Connection,
  ): Promise<boolean> {
    const { transport, dispatcher } = this.#surroundings;
    const eventId = requestedEventId(req, parameters, generation ?? 0);
    const { replay, precedingId } = await begin(transport, subscription.matchers, eventId);
    if (connection.closed) return false;
    if (dispatcher.closed) throw hubClosed();
    const headers = { ...streamHeaders, ...precedingIdHeaders(precedingId, generation) };
    if (req.method === "HEAD") {
      res.writeHead(200, headers).end();
      return false;
    }
    new Subscriber(subscription, connection, this.#surroundings).start(headers, replay);
    return true;
  }
}

/**
 * Why a stream that knows the event of closing is refused. Stock scripts open a refused one again and again, whatever
 * the status, and stop at the event alone.
 */
function closeReasonOf(error: unknown): CloseReason | undefined {
  if (!(error instanceof Refusal) || error.challenge === undefined) return undefined;
  return ({ 401: "expired", 403: "forbidden" } as const)[error.status as number];
}

function closeAtOnce(req: IncomingMessage, res: ServerResponse, reason: CloseReason): void {
  res.writeHead(200, streamHeaders).end(req.method === "HEAD" ? "" : encodeClose(reason));
}

function announcementOf(matchers: readonly Matcher[], { payload }: Grants): Announcement {
  const selectors = matchers.map(({ type, pattern }) =>
    type === "selector" ? { text: pattern } : { text: pattern, matchType: type },
  );
  return { selectors, payload };
}
