import type { SubscriptionDocument } from "../protocol/active-subscription.js";
import { isOwnTopic, topicOf, variantOf } from "../protocol/own-topics.js";

/**
 * Subscriptions as the application knows them: without those to topics of the kit's own, and with the topic that a page
 * streams in place of its variant.
 */
export function applicationSubscriptions(subscriptions: readonly SubscriptionDocument[]): SubscriptionDocument[] {
  return subscriptions.flatMap((subscription) => {
    const { topic, match } = subscription;
    const name = topic ?? match ?? "";
    if (!isOwnTopic(name)) return [subscription];
    // A stream of a variant that receives private updates streams two names, and counts once.
    if (variantOf(name)?.audience !== "variant") return [];
    return [{ ...subscription, ...(topic === undefined ? { match: topicOf(name) } : { topic: topicOf(name) }) }];
  });
}
