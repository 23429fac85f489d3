import type { MercureEndDetail, MercureErrorDetail } from "../index.js";

export type StreamEnd = MercureEndDetail | MercureErrorDetail;

/** The hub's reasons, in words. */
const reasons = new Map([
  ["expired", "its token has expired, and the application gives no other"],
  ["forbidden", "the application does not let this visitor open it"],
  ["disconnected", "the application has ended it"],
]);

/** Returns the console message for a stream that has ended for good. Its URL has no token. */
export function endMessage({ url, reason }: StreamEnd, time: Date): string {
  return `htmx-mercure: ${time.toLocaleTimeString()}: the stream ${url} has ended: ${reasons.get(reason) ?? reason}.`;
}
