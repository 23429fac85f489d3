import type { Request, RequestHandler } from "express";
import { nameOf } from "../protocol/carried-name.js";
import type { TopicMatcher } from "../protocol/matching/topic-matcher.js";
import type { HubPort } from "../publisher/hub/hub-port.js";
import type { TopicReader } from "../publisher/publish/topic-reader.js";
import type { Topics } from "../publisher/publish/topics.js";
import { isFunction } from "../shared/is-function.js";
import type { ResponsePages } from "./response-pages.js";
import type { ResponseViewer } from "./response-viewer.js";

/** Chooses the topics of a stream by its request. */
export type TopicChoice = (request: Request) => Topics | Promise<Topics>;

/** The default channel, as in Flask-SSE. */
const defaultChannel = "sse";

export interface StreamRoutesOptions {
  readonly hub: HubPort;
  readonly topics: TopicReader;
  readonly responsePages: ResponsePages;
  readonly viewers: ResponseViewer;
}

/** Streams as routes of the application. */
export class StreamRoutes {
  readonly #options: StreamRoutesOptions;

  constructor(options: StreamRoutesOptions) {
    this.#options = options;
  }

  stream(topics?: Topics | TopicChoice): RequestHandler {
    const streamTo = this.#options.hub.streamer();
    const choose = isFunction(topics) ? (topics as TopicChoice) : undefined;
    // Invalid fixed topics throw when the route is mounted, not at the first request.
    const fixed = topics === undefined || choose !== undefined ? undefined : this.#streamed(topics as Topics);
    const { responsePages, viewers } = this.#options;
    return async (request, response, next) => {
      try {
        if (topics === undefined) {
          const channel = request.query.channel ?? defaultChannel;
          const topics = this.#channelTopics(channel);
          if (topics === undefined) {
            response.status(400).type("text").send("The parameter channel must name one topic.");
            return;
          }
          const identity = viewers.of(response, topics.map(nameOf));
          streamTo(request, response, { topics, private: false, ...identity }, next);
          return;
        }
        const { asked, names } = fixed ?? this.#streamed(await choose!(request));
        const { beganAt: authorizedAt } = responsePages.of(response);
        const identity = viewers.of(response, names);
        streamTo(request, response, { topics: asked, private: true, ...identity, authorizedAt }, next);
      } catch (error) {
        next(error);
      }
    };
  }

  /** Returns the topic that a client names; undefined for a pattern or an invalid topic. */
  #channelTopics(channel: unknown): string[] | undefined {
    if (typeof channel !== "string" || channel === "*" || channel.includes("{")) return undefined;
    try {
      return this.#options.topics.names(channel);
    } catch {
      return undefined;
    }
  }

  /** Returns the topics for the hub, and their names for the application's functions. */
  #streamed(topics: Topics): { asked: (string | TopicMatcher)[]; names: string[] } {
    const asked = this.#options.topics.forHub(topics);
    return { asked, names: asked.map((topic) => nameOf(typeof topic === "string" ? topic : topic.match)) };
  }
}
