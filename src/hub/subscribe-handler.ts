import type { IncomingMessage, ServerResponse } from "node:http";
import { noGrants } from "../protocol/grants.js";
import { tokenMissing } from "../protocol/problem.js";
import type { Authenticator } from "./authentication.js";
import { begin, precedingIdHeaders } from "./beginning.js";
import { Connection, streamHeaders } from "./connection.js";
import { hubClosed } from "./dispatcher.js";
import { queryOf } from "./request.js";
import { Subscriber, type Subscription, type Surroundings } from "./subscriber.js";
import { requestedEventId, requestedTopics } from "./subscription-request.js";

/** Answers GET and HEAD requests that subscribe. Mercure 0.x "Subscription". */
export class SubscribeHandler {
  readonly #tokens: Authenticator;
  readonly #allowAnonymous: boolean;
  readonly #surroundings: Surroundings;

  constructor(tokens: Authenticator, allowAnonymous: boolean, surroundings: Surroundings) {
    this.#tokens = tokens;
    this.#allowAnonymous = allowAnonymous;
    this.#surroundings = surroundings;
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const query = queryOf(req);
    const matchers = requestedTopics(query);
    const identity = await this.#tokens.identify(req, query);
    if (identity === undefined && !this.#allowAnonymous) throw tokenMissing();
    const { grants, expiresAt } = identity ?? { grants: noGrants, expiresAt: undefined };
    const selectors = [...new Set(query.getAll("topic"))].map((text) => ({ text }));
    const announcement = { selectors, payload: grants.payload };
    await this.open(req, res, { matchers, privateTopics: grants.subscribe, expiresAt, announcement });
  }

  /** Opens a stream, whoever may have allowed it. */
  async open(req: IncomingMessage, res: ServerResponse, subscription: Subscription): Promise<void> {
    const { transport, dispatcher } = this.#surroundings;
    const connection = new Connection(res);
    const eventId = requestedEventId(req, queryOf(req));
    const { replay, precedingId } = await begin(transport, subscription.matchers, eventId);
    if (connection.closed) return;
    if (dispatcher.closed) throw hubClosed();
    const headers = { ...streamHeaders, ...precedingIdHeaders(precedingId) };
    if (req.method === "HEAD") res.writeHead(200, headers).end();
    else new Subscriber(subscription, connection, this.#surroundings).start(headers, replay);
  }
}
