import { compileTopics } from "../../protocol/matching/topic-matcher.js";
import { methodNotAllowed } from "../../protocol/problem.js";
import { noGrants } from "../../protocol/tokens/grants.js";
import { distinctTime } from "../../shared/distinct-time.js";
import { MercureError } from "../../shared/errors.js";
import { assertKnownOptions } from "../../shared/known-options.js";
import { describeValue } from "../../shared/plain-object.js";
import type { HubRequest, HubResponse } from "../http/messages.js";
import { isRead, queryOf } from "../http/request.js";
import { type StreamOptions, streamOptions } from "../streams/stream-options.js";
import type { Next, RequestAnswers } from "./request-answers.js";
import type { SubscribeHandler } from "./subscribe-handler.js";

/** Opens streams for clients that the application has authorized, and not a token. */
export class ApplicationStreams {
  readonly #answers: RequestAnswers;
  readonly #subscribe: SubscribeHandler;
  readonly #hubUrl: string;

  /** @param hubUrl - The URL that relative patterns resolve against. */
  constructor(answers: RequestAnswers, subscribe: SubscribeHandler, hubUrl: string) {
    this.#answers = answers;
    this.#subscribe = subscribe;
    this.#hubUrl = hubUrl;
  }

  /**
   * @param now - The time of the check, if the options name none.
   * @throws MercureError `ERR_OPTION` for an invalid option, `ERR_TOPIC` for an invalid topic.
   */
  open(req: HubRequest, res: HubResponse, options: StreamOptions, now: number, next?: Next): void {
    assertKnownOptions(options, streamOptions, "hub.stream");
    const { topics, private: withPrivate = false, payload, subject, authorizedAt = distinctTime(now) } = options;
    if (typeof withPrivate !== "boolean") {
      throw new MercureError("ERR_OPTION", `private must be true or false, not ${describeValue(withPrivate)}.`);
    }
    const matchers = compileTopics(topics, this.#hubUrl);
    const privateTopics = withPrivate ? matchers : noGrants.subscribe;
    const requested = { matchers, privateTopics, authorizedUntil: undefined, payloads: { payload }, subject };
    this.#answers.answer(req, res, next, async (request, response) => {
      if (!isRead(request)) throw methodNotAllowed("GET, HEAD");
      const bearer = { id: "", sub: subject, issuedAt: authorizedAt, grants: { subscribe: privateTopics } };
      const details = { parameters: queryOf(request), version: undefined, bearer };
      return this.#subscribe.open(request, response, requested, details);
    });
  }
}
