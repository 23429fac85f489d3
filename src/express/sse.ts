import type { Request, RequestHandler, Response } from "express";
import { nameOf } from "../protocol/carried-name.js";
import type { TopicMatcher } from "../protocol/matching/topic-matcher.js";
import type { HubPort } from "../publisher/hub/hub-port.js";
import type { Models } from "../publisher/publish/models.js";
import { hubTopics, type Topics } from "../publisher/publish/topics.js";
import { Publisher } from "../publisher/publisher.js";
import type { PublisherOptions } from "../publisher/publisher-options.js";
import type { Authorizer } from "../publisher/streams/authorizer.js";
import type { JwtOptions } from "../publisher/streams/stream-access.js";
import { MercureError } from "../shared/errors.js";
import { isFunction } from "../shared/is-function.js";
import { isPlainObject } from "../shared/plain-object.js";
import type { AuthzCookies } from "./authz-cookies.js";
import type { ResponsePages } from "./response-pages.js";

type TopicChoice = (request: Request) => Topics | Promise<Topics>;

/** The default channel, as in Flask-SSE. */
const defaultChannel = "sse";

/** Publishes updates, and serves streams as routes of the application. */
export class Sse extends Publisher {
  readonly #hub: HubPort;
  readonly #cookies: AuthzCookies;
  readonly #models: Models;
  readonly #permissions: Authorizer;
  readonly #responsePages: ResponsePages;

  constructor(options: PublisherOptions, cookies: AuthzCookies, responsePages: ResponsePages) {
    super(options);
    this.#hub = options.hub;
    this.#cookies = cookies;
    this.#models = options.models;
    this.#permissions = options.permissions;
    this.#responsePages = responsePages;
  }

  /**
   * Calls the option `authorize` for a request and topics, and resolves to its answer. The answer applies to everything
   * rendered for this request afterwards. Resolves to true without the option.
   */
  async authorize(request: Request, topics: Topics): Promise<boolean> {
    return this.#permissions.authorize(
      request,
      this.watchedTopics(this.selectors(topics).map(({ text }) => text)),
      "render",
    );
  }

  /**
   * Sets the authorization cookie, and replaces an earlier one. Its token grants the private updates of these topics
   * and identifies the response's viewer. `{ jwt }` sets a token from elsewhere instead.
   *
   * @throws MercureError `ERR_TOKEN` if the response has begun, or if `jwt` is not a valid token.
   */
  setAuthzCookie(response: Response, grant: Topics | { readonly jwt: string }): void {
    if (!isJwt(grant)) {
      const bearer = this.#bearer(
        response,
        this.selectors(grant).map(({ text }) => nameOf(text)),
      );
      this.#cookies.set(response, (cookieHash) => this.signSubscriberJwt(grant, { ...bearer, cookieHash }));
      return;
    }
    if (!/^[\w.~+/=-]+$/.test(grant.jwt)) {
      throw new MercureError("ERR_TOKEN", "`jwt` is not a valid token.");
    }
    this.#cookies.setUnbound(response, grant.jwt);
  }

  /** Deletes every token that the browser has in a cookie. Call it when a user signs out. */
  deleteAuthzCookie(response: Response): void {
    this.#cookies.delete(response);
  }

  /**
   * Returns an Express handler that streams topics, including private updates. The middleware before it must authorize
   * the request.
   *
   * Without `topics`, the query parameter `channel` names the topic; default `sse`. The client chooses the topic then,
   * so the handler streams public updates only.
   *
   * @param topics the topics, or a function of the request that returns them; it can be asynchronous
   * @throws MercureError `ERR_EXTERNAL_HUB` if the hub is in another process, when the route is created.
   * @example
   * app.get("/orders/stream", requireUser, sse.stream((req) => `orders-${req.user.id}`));
   */
  stream(topics?: Topics | TopicChoice): RequestHandler {
    const streamTo = this.#hub.streamer();
    const choose = isFunction(topics) ? (topics as TopicChoice) : undefined;
    // Invalid fixed topics throw when the route is mounted, not at the first request.
    const fixed = topics === undefined || choose !== undefined ? undefined : this.#streamed(topics as Topics);
    return async (request, response, next) => {
      try {
        if (topics === undefined) {
          const channel = request.query.channel ?? defaultChannel;
          const topics = this.#channelTopics(channel);
          if (topics === undefined) {
            response.status(400).type("text").send("The parameter channel must name one topic.");
            return;
          }
          const publicStream = { topics, private: false, ...this.#bearer(response, topics.map(nameOf)) };
          streamTo(request, response, publicStream, next);
          return;
        }
        const { asked, names } = fixed ?? this.#streamed(await choose!(request));
        const { beganAt: authorizedAt } = this.#responsePages.of(response);
        const bearer = { ...this.#bearer(response, names), authorizedAt };
        streamTo(request, response, { topics: asked, private: true, ...bearer }, next);
      } catch (error) {
        next(error);
      }
    };
  }

  /** Returns the topic that a client names; undefined for a pattern or an invalid topic. */
  #channelTopics(channel: unknown): string[] | undefined {
    if (typeof channel !== "string" || channel === "*" || channel.includes("{")) return undefined;
    try {
      return this.topics(channel);
    } catch {
      return undefined;
    }
  }

  /** Returns the topics for the hub, and their names for the application's functions. */
  #streamed(topics: Topics): { asked: (string | TopicMatcher)[]; names: string[] } {
    const asked = hubTopics(topics, this.#models);
    return { asked, names: asked.map((topic) => nameOf(typeof topic === "string" ? topic : topic.match)) };
  }

  /** Returns the payload and subject of a response's viewer. */
  #bearer(response: Response, topics: readonly string[]): Pick<JwtOptions, "payload" | "subject"> {
    return this.#responsePages.within(response, () => ({
      payload: this.payloadOf(topics),
      subject: this.subjectOf(),
    }));
  }
}

function isJwt(value: Topics | { readonly jwt: string }): value is { readonly jwt: string } {
  return isPlainObject(value) && typeof value.jwt === "string";
}
