import type { Request } from "express";
import { defaultCookieNames } from "../hub/auth/authenticators.js";
import { isForMetadata, metadataUrl } from "../hub/handlers/resource-metadata.js";
import { Hub } from "../hub/hub.js";
import type { HubOptions } from "../hub/options/hub-options.js";
import type { Clock } from "../shared/clock.js";
import type { Configuration } from "./configuration.js";

export interface EmbeddedHub {
  readonly hub: Hub;
  /** Whether a request is for the hub, rather than for the application's routes. */
  isFor(request: Request): boolean;
}

/** Creates the hub in this process, with the configured transport. */
export function embedHub(configuration: Configuration, authorize: HubOptions["authorize"], clock: Clock): EmbeddedHub {
  const { hub: options, issuer, resource, authzCookieName } = configuration;
  const { transport } = configuration;
  const { reconciliationLength, historyLengths, maxHistoryBytes, ...others } = options;
  const settings = {
    ...(typeof transport === "string" ? options : others),
    transport,
    subscriberKey: configuration.subscriberSecretKey,
    publisherKey: configuration.publisherSecretKey,
    issuer,
    resource,
    // The hub's default accepts the default cookies of both protocol versions.
    development: configuration.development,
    cookieName: defaultCookieNames.some((name) => name === authzCookieName) ? undefined : authzCookieName,
    authorize,
    logger: configuration.logger,
  };
  const hub = new Hub(settings, clock);
  const { path } = hub;
  const metadata = metadataUrl(resource);
  return {
    hub,
    isFor: (request) =>
      request.path === path || request.path.startsWith(`${path}/`) || isForMetadata(request, path, metadata),
  };
}
