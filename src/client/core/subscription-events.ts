/**
 * Keeps a stream that also brings the events of subscriptions from swapping them in: they are JSON for scripts and
 * triggers, which hear of them all the same, and in Mercure 0.x they come without a type, as content does.
 */
export function installSubscriptionEvents(): void {
  // Under the first of the event's two names, so that whoever swaps under the second finds it cancelled.
  addEventListener("htmx:sseBeforeMessage", (event) => {
    if (isSubscriptionEvent((event as CustomEvent<MessageEvent<string>>).detail.data)) event.preventDefault();
  });
}

function isSubscriptionEvent(data: string): boolean {
  if (!data.startsWith("{") || !/"type":\s*"[Ss]ubscription"/.test(data)) return false;
  try {
    const { id, subscriber, active } = JSON.parse(data) as Record<string, unknown>;
    return typeof id === "string" && typeof subscriber === "string" && typeof active === "boolean";
  } catch {
    return false;
  }
}
