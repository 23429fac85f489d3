import type { Request, RequestHandler, Response } from "express";
import { nameOf } from "../protocol/carried-name.js";
import type { TopicMatcher } from "../protocol/matching/topic-matcher.js";
import type { Models } from "../publisher/publish/models.js";
import { hubTopics, type Topics } from "../publisher/publish/topics.js";
import { Publisher } from "../publisher/publisher.js";
import type { PublisherOptions } from "../publisher/publisher-options.js";
import type { Permissions } from "../publisher/streams/authorizer.js";
import type { JwtOptions } from "../publisher/streams/stream-access.js";
import { MercureError } from "../shared/errors.js";
import { isFunction } from "../shared/is-function.js";
import { isPlainObject } from "../shared/plain-object.js";
import type { AuthzCookies } from "./authz-cookies.js";
import type { ResponsePages } from "./response-pages.js";

type TopicChoice = (request: Request) => Topics | Promise<Topics>;

/** The topic that Flask-SSE users know as the default channel. */
const defaultChannel = "sse";

/** The publisher, and streams as routes of the application. */
export class Sse extends Publisher {
  readonly #cookies: AuthzCookies;
  readonly #models: Models;
  readonly #permissions: Permissions;
  readonly #responsePages: ResponsePages;

  constructor(options: PublisherOptions, cookies: AuthzCookies, responsePages: ResponsePages) {
    super(options);
    this.#cookies = cookies;
    this.#models = options.models;
    this.#permissions = options.permissions;
    this.#responsePages = responsePages;
  }

  /**
   * Asks the option `authorize` whether a request may stream topics, and waits for the answer, which counts for what is
   * rendered for this request from then on. Without the option, true.
   */
  async authorize(request: Request, topics: Topics): Promise<boolean> {
    return this.#permissions.ask(request, this.watchedTopics(this.selectors(topics).map(({ text }) => text)), "render");
  }

  /**
   * Gives the browser a token in the cookie that hubs look for, in place of the one that it had there: for the private
   * updates of these topics, in the name of the one to whom the response goes, or one made elsewhere.
   *
   * @throws MercureError `ERR_TOKEN` when the response has begun.
   */
  setAuthzCookie(response: Response, grant: Topics | { readonly jwt: string }): void {
    const jwt = isJwt(grant) ? grant.jwt : this.#createJwt(response, grant);
    if (!/^[\w.~+/=-]+$/.test(jwt)) throw new MercureError("ERR_TOKEN", "The jwt for the cookie is none.");
    this.#cookies.set(response, jwt);
  }

  /** Takes back from the browser every token that it was given in a cookie; for signing out. */
  deleteAuthzCookie(response: Response): void {
    this.#cookies.delete(response);
  }

  /**
   * An Express handler that streams topics, private updates too, to whoever the middleware before it let through.
   *
   * Without topics it streams the one that the query names, `?channel=`, by default `sse`; since then the client chooses,
   * these are public updates alone.
   *
   * @param topics the topics, or a function of the request; it may be asynchronous
   * @throws MercureError `ERR_EXTERNAL_HUB`, when the route is made, where the hub is in another process.
   */
  stream(topics?: Topics | TopicChoice): RequestHandler {
    const wayOut = "let clients stream from the hub itself, at sse.authentifiedHubUrl(topics)";
    const hub = this.ownHub("sse.stream", wayOut);
    const choose = isFunction(topics) ? (topics as TopicChoice) : undefined;
    // A mistake in fixed topics shows when the route is mounted, not when somebody asks for it.
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
          hub.stream(request, response, publicStream, next);
          return;
        }
        const { asked, names } = fixed ?? this.#streamed(await choose!(request));
        const { beganAt: authorizedAt } = this.#responsePages.of(response);
        const bearer = { ...this.#bearer(response, names), authorizedAt };
        hub.stream(request, response, { topics: asked, private: true, ...bearer }, next);
      } catch (error) {
        next(error);
      }
    };
  }

  /** The topic that a client names; undefined for a pattern, and for what names no topic of the application. */
  #channelTopics(channel: unknown): string[] | undefined {
    if (typeof channel !== "string" || channel === "*" || channel.includes("{")) return undefined;
    try {
      return this.topics(channel);
    } catch {
      return undefined;
    }
  }

  /** What is asked of the hub, and what the application's functions are told. */
  #streamed(topics: Topics): { asked: (string | TopicMatcher)[]; names: string[] } {
    const asked = hubTopics(topics, this.#models);
    return { asked, names: asked.map((topic) => nameOf(typeof topic === "string" ? topic : topic.match)) };
  }

  #createJwt(response: Response, topics: Topics): string {
    const names = this.selectors(topics).map(({ text }) => nameOf(text));
    return this.createSubscriberJwt(topics, this.#bearer(response, names));
  }

  /** What is said of the one to whom a response goes. */
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
