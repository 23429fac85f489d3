import type { IncomingMessage, ServerResponse } from "node:http";
import { noGrants } from "../protocol/grants.js";
import { tokenMissing } from "../protocol/problem.js";
import { type Generation, requestedMatchers } from "../protocol/subscription-parameters.js";
import type { Authenticator } from "./authentication.js";
import { begin, precedingIdHeaders } from "./beginning.js";
import { Connection, streamHeaders } from "./connection.js";
import { hubClosed } from "./dispatcher.js";
import type { HubSettings } from "./options.js";
import { queryOf } from "./request.js";
import { Subscriber, type Subscription, type Surroundings } from "./subscriber.js";
import { requestedEventId, subscriptionParameters } from "./subscription-request.js";

type SubscribeSettings = Pick<HubSettings, "allowAnonymous" | "protocol" | "matcherLimits" | "hubUrl">;

/** What a request says besides its subscription. */
export interface SubscriptionRequest {
  readonly parameters: URLSearchParams;
  /** Undefined for a stream of the application's own, which is of neither. */
  readonly generation: Generation | undefined;
}

/** Answers GET, HEAD and QUERY requests that subscribe. Mercure "Subscription". */
export class SubscribeHandler {
  readonly #tokens: Authenticator;
  readonly #settings: SubscribeSettings;
  readonly #surroundings: Surroundings;

  constructor(tokens: Authenticator, settings: SubscribeSettings, surroundings: Surroundings) {
    this.#tokens = tokens;
    this.#settings = settings;
    this.#surroundings = surroundings;
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { allowAnonymous, protocol, matcherLimits, hubUrl } = this.#settings;
    const parameters = await subscriptionParameters(req);
    const { matchers, generation } = requestedMatchers(parameters, protocol, matcherLimits, hubUrl);
    const identity = await this.#tokens.identify(req, queryOf(req));
    if (identity === undefined && !allowAnonymous) throw tokenMissing();
    const { grants, expiresAt } = identity ?? { grants: noGrants, expiresAt: undefined };
    const subscription = { matchers, privateTopics: grants.subscribe, expiresAt };
    await this.open(req, res, subscription, { parameters, generation });
  }

  /** Opens a stream, whoever may have allowed it. */
  async open(
    req: IncomingMessage,
    res: ServerResponse,
    subscription: Subscription,
    request: SubscriptionRequest = { parameters: queryOf(req), generation: undefined },
  ): Promise<void> {
    const { parameters, generation } = request;
    const { transport, dispatcher } = this.#surroundings;
    const connection = new Connection(res);
    const eventId = requestedEventId(req, parameters, generation ?? 0);
    const { replay, precedingId } = await begin(transport, subscription.matchers, eventId);
    if (connection.closed) return;
    if (dispatcher.closed) throw hubClosed();
    const headers = { ...streamHeaders, ...precedingIdHeaders(precedingId, generation) };
    if (req.method === "HEAD") res.writeHead(200, headers).end();
    else new Subscriber(subscription, connection, this.#surroundings).start(headers, replay);
  }
}
