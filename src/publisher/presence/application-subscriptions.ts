import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import { nameOf } from "../../protocol/carried-name.js";
import { isInternalTopic, topicOf, variantOf } from "../../protocol/own-topics.js";

/**
 * Returns subscriptions as the application knows them. It omits the library's topics, replaces variants by their
 * topics, and returns names as the application wrote them.
 */
export function applicationSubscriptions(subscriptions: readonly SubscriptionDocument[]): SubscriptionDocument[] {
  return subscriptions.flatMap((subscription) => {
    const { topic, match } = subscription;
    const name = topic ?? match ?? "";
    // A stream that receives a variant's private updates has two names, and is counted once.
    if (isInternalTopic(name) && variantOf(name)?.kind !== "variant") return [];
    const known = nameOf(topicOf(name));
    if (known === name) return [subscription];
    return [{ ...subscription, ...(topic === undefined ? { match: known } : { topic: known }) }];
  });
}
