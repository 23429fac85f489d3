/**
 * Cancels the swap of subscription events, which are JSON for scripts and triggers. Scripts and triggers still get
 * them. In Mercure 0.x these events have no type, like content, so their data identifies them.
 */
export function installSubscriptionEvents(): void {
  // The listener uses the first of the event's two names, so that swaps under the second name find it cancelled.
  addEventListener("htmx:sseBeforeMessage", (event) => {
    if (isSubscriptionEvent((event as CustomEvent<MessageEvent<string>>).detail.data)) event.preventDefault();
  });
}

/** Returns whether a message is a subscription event, which is JSON. */
export function isSubscriptionEvent(data: string): boolean {
  if (!data.startsWith("{") || !/"type":\s*"[Ss]ubscription"/.test(data)) return false;
  try {
    const { id, subscriber, active } = JSON.parse(data) as Record<string, unknown>;
    return typeof id === "string" && typeof subscriber === "string" && typeof active === "boolean";
  } catch {
    return false;
  }
}
