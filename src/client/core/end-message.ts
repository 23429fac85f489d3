import type { MercureEndDetail, MercureErrorDetail } from "../index.js";

export type StreamEnd = MercureEndDetail | MercureErrorDetail;

/** The reasons that the hub gives, in words. */
const reasons = new Map([
  ["expired", "its token has expired, and the application gives no other"],
  ["forbidden", "the application does not let this visitor open it"],
  ["disconnected", "the application has ended it"],
]);

/** What the console says of a stream that has ended for good. The URL has no token. */
export function endMessage({ url, reason }: StreamEnd, time: Date): string {
  return `htmx-mercure: ${time.toLocaleTimeString()}: the stream ${url} has ended: ${reasons.get(reason) ?? reason}.`;
}
