/**
 * Returns whether a message is a subscription event, which is JSON for scripts and triggers. In Mercure 0.x these events
 * have no type, like content, so their data identifies them.
 */
export function isSubscriptionEvent(data: string): boolean {
  if (!data.startsWith("{") || !/"type":\s*"[Ss]ubscription"/.test(data)) return false;
  try {
    const { id, subscriber, active } = JSON.parse(data) as Record<string, unknown>;
    return typeof id === "string" && typeof subscriber === "string" && typeof active === "boolean";
  } catch {
    return false;
  }
}
