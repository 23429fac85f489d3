import type { Request, RequestHandler } from "express";
import type { Hub } from "../hub/hub.js";
import { type ExternalHub, noHubInProcess } from "../publisher/external-hub.js";
import { Publisher, type PublisherOptions } from "../publisher/publisher.js";
import type { Topics } from "../publisher/topics.js";

type TopicChoice = (request: Request) => Topics | Promise<Topics>;

/** The topic that Flask-SSE users know as the default channel. */
const defaultChannel = "sse";

/** The publisher, and streams as routes of the application. */
export class Sse extends Publisher {
  readonly #hub: Hub;
  readonly #externalHub: ExternalHub | undefined;

  constructor(options: PublisherOptions) {
    super(options);
    this.#hub = options.hub;
    this.#externalHub = options.externalHub;
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
    if (this.#externalHub !== undefined) {
      throw noHubInProcess("sse.stream", "let clients stream from the hub itself, at sse.authentifiedHubUrl(topics)");
    }
    const choose = typeof topics === "function" && !isClass(topics) ? (topics as TopicChoice) : undefined;
    // A mistake in fixed topics shows when the route is mounted, not when somebody asks for it.
    const fixed = topics === undefined || choose !== undefined ? undefined : this.topics(topics as Topics);
    return async (request, response, next) => {
      try {
        if (topics === undefined) {
          const channel = request.query.channel ?? defaultChannel;
          if (typeof channel !== "string" || channel === "" || channel === "*") {
            response.status(400).type("text").send("The parameter channel must name one topic.");
            return;
          }
          this.#hub.stream(request, response, {
            topics: [channel],
            private: false,
            payload: this.payloadOf([channel]),
          });
          return;
        }
        const chosen = fixed ?? this.topics(await choose!(request));
        this.#hub.stream(request, response, { topics: chosen, private: true, payload: this.payloadOf(chosen) });
      } catch (error) {
        next(error);
      }
    };
  }
}

/** A model class is a topic, and no function that chooses one. */
function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
