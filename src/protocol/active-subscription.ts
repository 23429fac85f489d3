import { escapeJson } from "../shared/escape-json.js";
import { percentDecode, percentEncode } from "./percent-encode.js";
import type { OwnDraft } from "./update.js";

/** How a topic matcher of Mercure 1.0 is called in URLs and documents. Mercure 1.0 "Summary of Matcher Types". */
export type MatchType = "exact" | "urlpattern";

/** What one subscriber asked for: a topic selector of Mercure 0.x, or a matcher with its type of Mercure 1.0. */
export interface Selector {
  readonly text: string;
  /** Undefined for a subscription of Mercure 0.x, which has no types. */
  readonly matchType?: MatchType | undefined;
}

/** One selector of one open stream. */
export interface ActiveSubscription {
  readonly selector: Selector;
  /** The same for all selectors of a stream, and of no other: `urn:uuid:…`, made by the hub. */
  readonly subscriber: string;
  /** What the subscriber's token says of its bearer to other subscribers. */
  readonly payload?: unknown;
  /** Whether private updates come through too; nobody but the hub knows. */
  readonly isPrivate?: boolean | undefined;
}

/** The JSON that describes a subscription. Mercure 0.x and 1.0 "Subscription Events". */
export interface SubscriptionDocument {
  /** The path at which the web API has it, and the topic of its events. */
  readonly id: string;
  readonly type: "Subscription" | "subscription";
  /** Mercure 0.x: the topic selector. */
  readonly topic?: string;
  /** Mercure 1.0: the type of the matcher, and the matcher. */
  readonly match_type?: MatchType;
  readonly match?: string;
  readonly subscriber: string;
  /** Whether the stream is open. */
  readonly active: boolean;
  /** What the subscriber's token says of its bearer. */
  readonly payload?: unknown;
}

/** JSON-LD documents of Mercure 0.x name what their properties mean. Mercure 0.x "JSON-LD Context". */
export const jsonLdContext = "https://mercure.rocks/";

/** The path of all subscriptions, the beginning of every topic here. */
export function subscriptionsPath(hubPath: string): string {
  return `${hubPath}/subscriptions`;
}

/** The path of a selector's subscriptions. Mercure 0.x: `{topic}`; 1.0: `{match_type}/{match}`. */
export function selectorPath(hubPath: string, { text, matchType }: Selector): string {
  const type = matchType === undefined ? "" : `/${matchType}`;
  return `${subscriptionsPath(hubPath)}${type}/${percentEncode(text)}`;
}

/** The topic whose subscribers' events come under this topic, or selector of topics; undefined for any other. */
export function watchedTopic(hubPath: string, topic: string): string | undefined {
  const start = `${subscriptionsPath(hubPath)}/`;
  if (!topic.startsWith(start)) return undefined;
  const [first = "", second] = topic
    .slice(start.length)
    .replace(/(\{\/|\/:)subscriber\}?$/, "")
    .split("/");
  return percentDecode(second ?? first);
}

/** Each variable is percent-encoded exactly once, as a whole. */
export function subscriptionPath(hubPath: string, { selector, subscriber }: ActiveSubscription): string {
  return `${selectorPath(hubPath, selector)}/${percentEncode(subscriber)}`;
}

/** The document of the generation in which the subscriber asked. */
export function subscriptionDocument(
  hubPath: string,
  subscription: ActiveSubscription,
  active: boolean,
): SubscriptionDocument {
  return documentOf(subscriptionPath(hubPath, subscription), subscription, active);
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
 * The update that tells of a subscription which begins or ends.
 *
 * It also has the selector's path as a topic, so that whoever wants to know of one selector's subscribers is found by
 * name, in the dispatcher and in history, and its pattern need not be held against every update of the hub.
 *
 * It is put into words when it is read: many are published and kept in history, and hardly any is asked for.
 */
export class SubscriptionEvent implements OwnDraft {
  readonly #path: string;
  readonly #subscription: ActiveSubscription;
  readonly #active: boolean;
  /** 1.0 reserves the type for these events; clients of 0.x listen for messages without one. */
  declare readonly type?: "mercure";

  /**
   * @param path - The selector's.
   * @param active - Whether the subscription begins.
   */
  constructor(path: string, subscription: ActiveSubscription, active: boolean) {
    this.#path = path;
    this.#subscription = subscription;
    this.#active = active;
    if (subscription.selector.matchType !== undefined) this.type = "mercure";
  }

  get topics(): readonly string[] {
    return [`${this.#path}/${percentEncode(this.#subscription.subscriber)}`, this.#path];
  }

  get private(): boolean {
    return true;
  }

  get size(): number {
    const { selector, subscriber, payload } = this.#subscription;
    const own = this.#path.length + selector.text.length + subscriber.length;
    return own + (payload === undefined ? 0 : JSON.stringify(payload).length);
  }

  get data(): string {
    const document = documentOf(this.topics[0]!, this.#subscription, this.#active);
    return escapeJson(JSON.stringify(this.type === undefined ? { "@context": jsonLdContext, ...document } : document));
  }
}
