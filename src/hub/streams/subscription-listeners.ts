import {
  type ActiveSubscription,
  type SubscriptionDocument,
  subscriptionDocument,
} from "../../protocol/active-subscription.js";
import { onRejection } from "../../shared/on-rejection.js";
import type { SubscriptionChange } from "./active-subscriptions.js";

/** @param isPrivate - Whether the subscription receives private updates too. */
export type SubscriptionListener = (
  subscription: SubscriptionDocument,
  isPrivate: boolean,
  change: SubscriptionChange,
) => void;

/** The listeners of `Hub.onSubscription`. */
export class SubscriptionListeners {
  readonly #hubPath: string;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<SubscriptionListener>();

  constructor(hubPath: string, onError: (error: unknown) => void) {
    this.#hubPath = hubPath;
    this.#onError = onError;
  }

  add(listener: SubscriptionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(subscription: ActiveSubscription, active: boolean, change: SubscriptionChange): void {
    if (this.#listeners.size === 0) return;
    const document = subscriptionDocument(this.#hubPath, subscription, active);
    for (const listener of this.#listeners) {
      try {
        onRejection(listener(document, subscription.isPrivate ?? false, change), this.#onError);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
