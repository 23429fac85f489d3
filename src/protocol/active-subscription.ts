import { escapeJson } from "../shared/escape-json.js";
import { percentDecode, percentEncode } from "./percent-encode.js";
import type { Draft } from "./update.js";

/** The name of a topic matcher's type in URLs and documents: a Mercure 1.0 name. */
export type MatchType = "exact" | "urlpattern";

/** A selector that a subscriber requested: a topic selector of Mercure 0.x, or a typed matcher of Mercure 1.0. */
export interface Selector {
  readonly text: string;
  /** The matcher's type. Undefined for a subscription of Mercure 0.x, which has no types. */
  readonly matchType?: MatchType | undefined;
}

/** A single selector of a single open stream. */
export interface ActiveSubscription {
  readonly selector: Selector;
  /**
   * The stream's id, `urn:uuid:…`, made by the hub. All selectors of a stream share it, and each stream has its own.
   */
  readonly subscriber: string;
  /** The payload from the subscriber's token, visible to other subscribers. */
  readonly payload?: unknown;
  /** Whether the stream also receives private updates. Only the hub knows this. */
  readonly isPrivate?: boolean | undefined;
  /** The id of the node that has the stream. Undefined if the hub has only one. */
  readonly node?: string | undefined;
}

/**
 * The JSON document of a subscription. {@link https://mercure.rocks/spec#subscription-events | Mercure "Subscription
 * Events"}.
 */
export interface SubscriptionDocument {
  /** The subscription's path in the web API. It is also the topic of the subscription's events. */
  readonly id: string;
  /** `Subscription` in Mercure 0.x, `subscription` in 1.0. */
  readonly type: "Subscription" | "subscription";
  /** Mercure 0.x: the topic selector. */
  readonly topic?: string;
  /** Mercure 1.0: the type of the matcher. */
  readonly match_type?: MatchType;
  /** Mercure 1.0: the matcher. */
  readonly match?: string;
  /** The id of the subscriber, shared by all subscriptions of one stream. */
  readonly subscriber: string;
  /** Whether the stream is open. */
  readonly active: boolean;
  /** The payload from the subscriber's token. */
  readonly payload?: unknown;
  /** The id of the stream's process, if processes share the hub's transport. Events do not contain it. */
  readonly node?: string;
}

/** The `@context` of Mercure 0.x documents, which gives their properties a meaning. Mercure 0.x "JSON-LD Context". */
export const jsonLdContext = "https://mercure.rocks/";

/** Returns the path of all subscriptions. Every topic in this file begins with it. */
export function subscriptionsPath(hubPath: string): string {
  return `${hubPath}/subscriptions`;
}

/** Returns the path of a selector's subscriptions. Mercure 0.x: `{topic}`; 1.0: `{match_type}/{match}`. */
export function selectorPath(hubPath: string, { text, matchType }: Selector): string {
  const type = matchType === undefined ? "" : `/${matchType}`;
  return `${subscriptionsPath(hubPath)}${type}/${percentEncode(text)}`;
}

/**
 * Returns the topic whose subscription events a topic, or a selector of topics, covers; undefined for any other topic.
 */
export function watchedTopic(hubPath: string, topic: string): string | undefined {
  const start = `${subscriptionsPath(hubPath)}/`;
  if (!topic.startsWith(start)) return undefined;
  const [first = "", second] = topic
    .slice(start.length)
    .replace(/(\{\/|\/:)subscriber\}?$/, "")
    .split("/");
  return percentDecode(second ?? first);
}

/** Returns the path of one subscription. Each variable is percent-encoded exactly once, as a whole. */
export function subscriptionPath(hubPath: string, { selector, subscriber }: ActiveSubscription): string {
  return `${selectorPath(hubPath, selector)}/${percentEncode(subscriber)}`;
}

/** Returns the subscription's document, in the protocol version of the subscriber's request. */
export function subscriptionDocument(
  hubPath: string,
  subscription: ActiveSubscription,
  active: boolean,
): SubscriptionDocument {
  const document = documentOf(subscriptionPath(hubPath, subscription), subscription, active);
  const { node } = subscription;
  return node === undefined ? document : { ...document, node };
}

function documentOf(
  id: string,
  { selector, subscriber, payload }: ActiveSubscription,
  active: boolean,
): SubscriptionDocument {
  const rest = { subscriber, active, ...(payload === undefined ? {} : { payload }) };
  return selector.matchType === undefined
    ? { id, type: "Subscription", topic: selector.text, ...rest }
    : { id, type: "subscription", match_type: selector.matchType, match: selector.text, ...rest };
}

/**
 * Returns the update that announces the start or the end of a subscription.
 *
 * The selector's path is its second topic. The dispatcher and the history thus find a watcher of one selector by name,
 * without matching the watcher's pattern against every update of the hub.
 *
 * @param path - The selector's path.
 * @param active - Whether the subscription begins.
 */
export function subscriptionEvent(path: string, subscription: ActiveSubscription, active: boolean): Draft {
  const id = `${path}/${percentEncode(subscription.subscriber)}`;
  const event = { topics: [id, path], private: true };
  const document = documentOf(id, subscription, active);
  // Mercure 1.0 reserves the type for these events; clients of 0.x listen for messages without a type.
  return subscription.selector.matchType === undefined
    ? { ...event, data: escapeJson(JSON.stringify({ "@context": jsonLdContext, ...document })) }
    : { ...event, data: escapeJson(JSON.stringify(document)), type: "mercure" };
}
