import type { Models } from "../publisher/publish/models.js";
import type { Publisher } from "../publisher/publish/publisher.js";
import type { ApplicationUpdates } from "../publisher/streams/application-updates.js";
import type { HandmadeTokens } from "../publisher/streams/handmade-tokens.js";
import type { StreamParts } from "../publisher/streams/stream-parts.js";
import type { Sse } from "./sse.js";
import type { StreamRoutes } from "./stream-routes.js";
import type { ViewerGrants } from "./viewer-grants.js";

export interface SseParts {
  readonly publisher: Publisher;
  readonly models: Models;
  readonly streams: StreamParts;
  readonly updates: ApplicationUpdates;
  readonly tokens: HandmadeTokens;
  readonly grants: ViewerGrants;
  readonly routes: StreamRoutes;
}

/** Combines the parts into the object that the application gets. */
export function createSse({ publisher, models, streams, updates, tokens, grants, routes }: SseParts): Sse {
  const { topics, events, urls, subscriptions } = streams;
  return {
    publish: publisher.publish.bind(publisher),
    remove: publisher.remove.bind(publisher),
    publishSignal: publisher.publishSignal.bind(publisher),
    model: models.declare.bind(models),
    isConnected: subscriptions.isConnected.bind(subscriptions),
    presence: subscriptions.people.bind(subscriptions),
    getSubscriptions: subscriptions.of.bind(subscriptions),
    disconnect: subscriptions.disconnect.bind(subscriptions),
    updates: updates.of.bind(updates),
    hubUrl: urls.hubUrl.bind(urls),
    authenticatedHubUrl: urls.authenticatedHubUrl.bind(urls),
    authentifiedHubUrl: urls.authenticatedHubUrl.bind(urls),
    subscriberJwt: urls.subscriberJwt.bind(urls),
    createSubscriberJwt: tokens.createSubscriberJwt.bind(tokens),
    createPublisherJwt: tokens.createPublisherJwt.bind(tokens),
    topics: topics.names.bind(topics),
    subscriptionTopics: events.ofSubscriptions.bind(events),
    authorize: grants.authorize.bind(grants),
    setAuthzCookie: grants.setAuthzCookie.bind(grants),
    deleteAuthzCookie: grants.deleteAuthzCookie.bind(grants),
    stream: routes.stream.bind(routes),
  };
}
