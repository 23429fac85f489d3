import type { IncomingMessage, ServerResponse } from "node:http";
import type { Generation } from "../protocol/generation.js";
import { type Grants, noGrants } from "../protocol/grants.js";
import type { Matcher } from "../protocol/matcher.js";
import { tokenMissing, tokenRefused } from "../protocol/problem.js";
import { requestedMatchers } from "../protocol/subscription-parameters.js";
import type { Announcement } from "./active-subscriptions.js";
import type { Authenticator } from "./authentication.js";
import { begin, precedingIdHeaders } from "./beginning.js";
import { Connection, streamHeaders } from "./connection.js";
import { addressOf, ConnectionLimits } from "./connection-limits.js";
import { hubClosed } from "./dispatcher.js";
import { Lifetime } from "./lifetime.js";
import type { HubSettings } from "./options.js";
import { PatternBudget } from "./pattern-budget.js";
import { missedIntervals, watchPeer } from "./peer-watch.js";
import { queryOf } from "./request.js";
import { Subscriber, type Subscription, type Surroundings } from "./subscriber.js";
import { newSubscriberId } from "./subscriber-id.js";
import { requestedEventId, subscriptionParameters } from "./subscription-request.js";

type SubscribeSettings = Pick<
  HubSettings,
  | "allowAnonymous"
  | "connectionBounds"
  | "connectionLifetime"
  | "hubUrl"
  | "keepaliveInterval"
  | "matcherLimits"
  | "patternMemory"
  | "protocol"
>;

/** What a request says besides its subscription. */
export interface SubscriptionRequest {
  readonly parameters: URLSearchParams;
  /** Undefined for a stream of the application's own, which is of neither. */
  readonly generation: Generation | undefined;
  /** Whose token opens the stream, if it says so. */
  readonly subject?: string | undefined;
}

const anonymous = { grants: noGrants, expiresAt: undefined, subject: undefined, sub: undefined };

/** Answers GET, HEAD and QUERY requests that subscribe. Mercure "Subscription". */
export class SubscribeHandler {
  readonly #tokens: Authenticator;
  readonly #settings: SubscribeSettings;
  readonly #limits: ConnectionLimits;
  readonly #patterns: PatternBudget;
  readonly #lifetime: Lifetime;
  readonly #surroundings: Surroundings;

  constructor(tokens: Authenticator, settings: SubscribeSettings, surroundings: Surroundings) {
    this.#tokens = tokens;
    this.#settings = settings;
    this.#limits = new ConnectionLimits(settings.connectionBounds);
    this.#patterns = new PatternBudget(settings.patternMemory);
    this.#lifetime = new Lifetime(settings.connectionLifetime);
    this.#surroundings = surroundings;
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { allowAnonymous, protocol, matcherLimits, hubUrl } = this.#settings;
    const parameters = await subscriptionParameters(req);
    const { matchers, generation } = requestedMatchers(parameters, protocol, matcherLimits, hubUrl);
    const identity = await this.#tokens.identify(req, queryOf(req));
    if (identity === undefined && !allowAnonymous) throw tokenMissing();
    const { grants, expiresAt, subject, sub } = identity ?? anonymous;
    const announcement = announcementOf(matchers.all, grants);
    const privateTopics = grants.subscribe;
    const subscription = { matchers, privateTopics, expiresAt, announcement, token: identity, subject: sub };
    await this.open(req, res, subscription, { parameters, generation, subject });
  }

  /** Opens a stream, whoever may have allowed it. */
  async open(
    req: IncomingMessage,
    res: ServerResponse,
    subscription: Omit<Subscription, "id">,
    request: SubscriptionRequest = { parameters: queryOf(req), generation: undefined },
  ): Promise<void> {
    const connection = new Connection(res, this.#settings.keepaliveInterval * 1000 * missedIntervals);
    // Before anything is awaited, or many could come in at once.
    const leave = this.#limits.enter(addressOf(req), request.subject);
    let forget = () => {};
    const onEnd = () => {
      leave();
      forget();
    };
    const expiresAt = this.#lifetime.endOf(subscription.expiresAt);
    let started = false;
    try {
      forget = this.#patterns.enter([...subscription.matchers.patterns, ...subscription.privateTopics.patterns]);
      started = await this.#start(
        req,
        res,
        { ...subscription, id: newSubscriberId(), expiresAt, onEnd },
        request,
        connection,
      );
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
    const { transport, dispatcher, disconnections, replays, subscribers } = this.#surroundings;
    const eventId = requestedEventId(req, parameters, generation ?? 0);
    const audience = subscribers.audienceOf(subscription.matchers, subscription.privateTopics);
    const beginning = await begin(transport, eventId, (after) => replays.read(audience, after));
    const { precedingId } = beginning;
    if (connection.closed) return false;
    if (dispatcher.closed) throw hubClosed();
    // The order may have come while history was read; from here on it ends the stream.
    if (disconnections.refusesNow(subscription.token)) throw tokenRefused("invalid_token", "The token is revoked.");
    const headers = { ...streamHeaders, ...precedingIdHeaders(precedingId, generation) };
    if (req.method === "HEAD") {
      res.writeHead(200, headers).end();
      return false;
    }
    // The lists of the audience serve for all its streams.
    const { matchers, privateTopics } = audience;
    const stream = { ...subscription, matchers, privateTopics };
    new Subscriber(audience, stream, connection, headers, beginning, this.#surroundings);
    watchPeer(res, this.#settings.keepaliveInterval);
    return true;
  }
}

function announcementOf(matchers: readonly Matcher[], { subscribe, payload, payloads }: Grants): Announcement {
  const selectors = matchers.map(({ type, pattern }) =>
    type === "selector" ? { text: pattern } : { text: pattern, matchType: type },
  );
  return { selectors, privateTopics: subscribe, payload, ...(payloads && { payloads }) };
}
