import type { IncomingMessage, ServerResponse } from "node:http";
import { noGrants } from "../protocol/grants.js";
import { tokenMissing } from "../protocol/problem.js";
import type { Authenticator } from "./authentication.js";
import { begin, precedingIdHeaders } from "./beginning.js";
import { Connection, streamHeaders } from "./connection.js";
import { addressOf, ConnectionLimits } from "./connection-limits.js";
import { hubClosed } from "./dispatcher.js";
import { Lifetime } from "./lifetime.js";
import type { HubSettings } from "./options.js";
import { queryOf } from "./request.js";
import { Subscriber, type Subscription, type Surroundings } from "./subscriber.js";
import { requestedEventId, requestedTopics } from "./subscription-request.js";

type SubscribeSettings = Pick<HubSettings, "allowAnonymous" | "connectionBounds" | "connectionLifetime">;

const anonymous = { grants: noGrants, expiresAt: undefined, subject: undefined };

/** Answers GET and HEAD requests that subscribe. Mercure 0.x "Subscription". */
export class SubscribeHandler {
  readonly #tokens: Authenticator;
  readonly #allowAnonymous: boolean;
  readonly #limits: ConnectionLimits;
  readonly #lifetime: Lifetime;
  readonly #surroundings: Surroundings;

  constructor(tokens: Authenticator, settings: SubscribeSettings, surroundings: Surroundings) {
    this.#tokens = tokens;
    this.#allowAnonymous = settings.allowAnonymous;
    this.#limits = new ConnectionLimits(settings.connectionBounds);
    this.#lifetime = new Lifetime(settings.connectionLifetime);
    this.#surroundings = surroundings;
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const query = queryOf(req);
    const matchers = requestedTopics(query);
    const identity = await this.#tokens.identify(req, query);
    if (identity === undefined && !this.#allowAnonymous) throw tokenMissing();
    const { grants, expiresAt, subject } = identity ?? anonymous;
    const selectors = [...new Set(query.getAll("topic"))].map((text) => ({ text }));
    const announcement = { selectors, payload: grants.payload };
    await this.open(req, res, { matchers, privateTopics: grants.subscribe, expiresAt, announcement }, subject);
  }

  /** Opens a stream, whoever may have allowed it. */
  async open(req: IncomingMessage, res: ServerResponse, subscription: Subscription, subject?: string): Promise<void> {
    const connection = new Connection(res);
    // Before anything is awaited, or many could come in at once.
    const onEnd = this.#limits.enter(addressOf(req), subject);
    const expiresAt = this.#lifetime.endOf(subscription.expiresAt);
    let started = false;
    try {
      started = await this.#start(req, res, { ...subscription, expiresAt, onEnd }, connection);
    } finally {
      if (!started) onEnd();
    }
  }

  /** Returns whether a stream is open now. */
  async #start(
    req: IncomingMessage,
    res: ServerResponse,
    subscription: Subscription,
    connection: Connection,
  ): Promise<boolean> {
    const { transport, dispatcher } = this.#surroundings;
    const eventId = requestedEventId(req, queryOf(req));
    const { replay, precedingId } = await begin(transport, subscription.matchers, eventId);
    if (connection.closed) return false;
    if (dispatcher.closed) throw hubClosed();
    const headers = { ...streamHeaders, ...precedingIdHeaders(precedingId) };
    if (req.method === "HEAD") {
      res.writeHead(200, headers).end();
      return false;
    }
    new Subscriber(subscription, connection, this.#surroundings).start(headers, replay);
    return true;
  }
}
