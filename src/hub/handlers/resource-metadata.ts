import type { IncomingMessage } from "node:http";
import { detailType } from "../../protocol/tokens/authorization-details.js";
import { targetPath } from "../http/request.js";

const wellKnown = "/.well-known/oauth-protected-resource";

/** Metadata that tell clients which tokens the hub accepts. RFC 9728; Mercure 1.0 "Protected Resource Metadata". */
export interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers?: readonly string[];
  readonly authorization_details_types_supported: readonly string[];
  readonly bearer_methods_supported: readonly string[];
  readonly mercure_cookie: string;
  readonly mercure_matcher_types_supported: readonly string[];
  readonly mercure_subscriptions?: true;
}

/**
 * Returns the URL of a resource's metadata: the well-known path precedes the path of the resource. RFC 9728, section
 * 3.1. Returns undefined unless the resource is an http(s) URL.
 */
export function metadataUrl(resource: string): URL | undefined {
  if (!/^https?:/i.test(resource) || !URL.canParse(resource)) return undefined;
  const { origin, pathname, search } = new URL(resource);
  return new URL(`${wellKnown}${pathname === "/" ? "" : pathname}${search}`, origin);
}

/** Whether a request is for the metadata. A proxy may have rewritten their public path to the hub's. */
export function isForMetadata(req: IncomingMessage, hubPath: string, url: URL | undefined): boolean {
  if (url === undefined) return false;
  const path = targetPath(req.url);
  return path === url.pathname || path === wellKnown + hubPath;
}

interface Described {
  readonly resource: string;
  readonly authorizationServers: readonly string[];
  readonly cookieName: string;
  readonly subscriptions: boolean;
}

export function describeResource(described: Described): ResourceMetadata {
  const { resource, authorizationServers, cookieName, subscriptions } = described;
  return {
    resource,
    ...(authorizationServers.length > 0 && { authorization_servers: authorizationServers }),
    authorization_details_types_supported: [detailType],
    // The query parameter is for tokens of 0.x only, and RFC 6750 does not define cookies.
    bearer_methods_supported: ["header"],
    mercure_cookie: cookieName,
    mercure_matcher_types_supported: ["exact", "urlpattern"],
    ...(subscriptions && { mercure_subscriptions: true }),
  };
}
