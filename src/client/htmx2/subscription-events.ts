import { isSubscriptionEvent } from "../core/subscription-events.js";

/** Cancels the swap of subscription events. Scripts and triggers still receive them. */
export function installSubscriptionEvents(): void {
  // The listener uses the first of the event's two names, so that swaps under the second name find it cancelled.
  addEventListener("htmx:sseBeforeMessage", (event) => {
    if (isSubscriptionEvent((event as CustomEvent<MessageEvent<string>>).detail.data)) event.preventDefault();
  });
}
