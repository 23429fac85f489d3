import type { IncomingMessage, ServerResponse } from "node:http";
import { HttpProblem, methodNotAllowed } from "../../protocol/problem.js";
import { defaultCookieNames } from "../auth/authenticators.js";
import { answerPublicDocument } from "../http/public-document.js";
import { hubUrlOf, isRead, pathFromHub } from "../http/request.js";
import type { HubSettings } from "../options/hub-options.js";
import { describeApi, descriptionPath } from "./api-description.js";
import type { PublishHandler } from "./publish-handler.js";
import { describeResource, isForMetadata, metadataUrl, type ResourceMetadata } from "./resource-metadata.js";
import type { SubscribeHandler } from "./subscribe-handler.js";
import type { SubscriptionsHandler } from "./subscriptions-handler.js";

interface Handlers {
  readonly subscribe: SubscribeHandler;
  /** Undefined if the option `subscriptions` is false. */
  readonly subscriptions: SubscriptionsHandler | undefined;
  /** Undefined if the option `allowPublish` is false. */
  readonly publish: PublishHandler | undefined;
}

/** Chooses the handler of a request by its path and method. */
export class Router {
  /** Undefined if the hub does not know its public URL, or speaks only Mercure 0.x. */
  readonly metadataUrl: URL | undefined;
  readonly #settings: HubSettings;
  readonly #handlers: Handlers;
  readonly #metadata: ResourceMetadata;

  constructor(settings: HubSettings, handlers: Handlers) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.#metadata = describeResource({ ...settings, cookieName: settings.cookieName ?? defaultCookieNames[0] });
    // A hub with metadata counts as a hub of Mercure 1.0 to its clients.
    this.metadataUrl = settings.protocol === 0 ? undefined : metadataUrl(settings.resource);
  }

  async route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { path } = this.#settings;
    const { subscribe, subscriptions, publish } = this.#handlers;
    if (isForMetadata(req, path, this.metadataUrl)) return answerPublicDocument(req, res, this.#metadata);
    const below = pathFromHub(req, path);
    if (below === descriptionPath) {
      const paths = { hub: hubUrlOf(req, below), metadata: this.metadataUrl?.pathname };
      return answerPublicDocument(req, res, describeApi(this.#settings, paths));
    }
    if (subscriptions && (below === "/subscriptions" || below?.startsWith("/subscriptions/"))) {
      if (!isRead(req)) throw methodNotAllowed("GET, HEAD");
      return subscriptions.handle(req, res, below);
    }
    if (below !== "") throw new HttpProblem(404, `The hub is at ${path}.`);
    if (isRead(req) || req.method === "QUERY") return subscribe.handle(req, res);
    if (publish === undefined) throw methodNotAllowed("GET, HEAD, QUERY", "This hub accepts no updates over HTTP.");
    if (req.method !== "POST") throw methodNotAllowed("GET, HEAD, QUERY, POST");
    return publish.handle(req, res);
  }
}
