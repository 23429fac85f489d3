import { jsonLdContext, type MatchType, type Selector } from "./active-subscription.js";
import { hubLink } from "./hub-link.js";
import type { ProtocolVersion } from "./protocol-version.js";

/**
 * The subscriptions that a URL of the web API requests. Without a selector these are all subscriptions. With a
 * subscriber it is a single one.
 */
export interface RequestedSubscriptions {
  readonly selector?: Selector;
  readonly subscriber?: string;
}

const matchTypes: ReadonlySet<string> = new Set<MatchType>(["exact", "urlpattern"]);

/**
 * Reads the decoded segments of a URL below `/subscriptions`: `{topic}/{subscriber}` in Mercure 0.x,
 * `{match_type}/{match}/{subscriber}` in 1.0. Returns undefined for a URL that the version does not define.
 */
export function requestedSubscriptions(
  segments: readonly string[],
  version: ProtocolVersion,
): RequestedSubscriptions | undefined {
  const [matchType, [text, subscriber, ...more]] =
    version === 1 ? [segments[0], segments.slice(1)] : [undefined, segments];
  if (more.length > 0) return undefined;
  if (text === undefined) return matchType === undefined ? {} : undefined;
  if (matchType !== undefined && !matchTypes.has(matchType)) return undefined;
  const selector = { text, matchType: matchType as MatchType | undefined };
  return subscriber === undefined ? { selector } : { selector, subscriber };
}

/** A response of the web API: its body, and the headers that differ between the versions. */
export interface SubscriptionsAnswer {
  readonly body: string;
  readonly contentType: string;
  readonly link: string;
}

/**
 * Builds a response of the web API. Mercure 0.x "Subscription API": JSON-LD, with the position of the response in
 * `lastEventID`. Mercure 1.0 "Subscription API": JSON, with the position in the link, so that a subscription's document
 * equals that of its event.
 *
 * @param lastEventId - The id of the last dispatched event; `earliest` before the first event.
 */
export function subscriptionsAnswer(
  version: ProtocolVersion,
  document: object,
  lastEventId: string,
  hubUrl: string,
): SubscriptionsAnswer {
  if (version === 0) {
    const body = JSON.stringify({ "@context": jsonLdContext, ...document, lastEventID: lastEventId });
    return { body, contentType: "application/ld+json", link: hubLink(hubUrl) };
  }
  return {
    body: JSON.stringify(document),
    contentType: "application/json",
    link: `${hubLink(hubUrl, lastEventId)}; type="mercure"; content-type="application/json"`,
  };
}
