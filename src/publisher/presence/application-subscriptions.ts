import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import { nameOf } from "../../protocol/carried-name.js";
import { isOwnTopic, topicOf, variantOf } from "../../protocol/own-topics.js";

/**
 * Subscriptions as the application knows them: without those to topics of the kit's own, with the topic that a page
 * streams in place of its variant, and with names as the application wrote them.
 */
export function applicationSubscriptions(subscriptions: readonly SubscriptionDocument[]): SubscriptionDocument[] {
  return subscriptions.flatMap((subscription) => {
    const { topic, match } = subscription;
    const name = topic ?? match ?? "";
    // A stream of a variant that receives private updates streams two names, and counts once.
    if (isOwnTopic(name) && variantOf(name)?.audience !== "variant") return [];
    const known = nameOf(topicOf(name));
    if (known === name) return [subscription];
    return [{ ...subscription, ...(topic === undefined ? { match: known } : { topic: known }) }];
  });
}
