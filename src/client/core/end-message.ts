import type { MercureEndDetail, MercureErrorDetail } from "../index.js";

export type StreamEnd = MercureEndDetail | MercureErrorDetail;

/** The hub's reasons, in words. */
const reasons = new Map([
  ["expired", "token expired"],
  ["forbidden", "access denied"],
  ["disconnected", "ended by the application"],
]);

/** Returns the console message for a stream that has ended for good. Its URL has no token. */
export function endMessage({ url, reason }: StreamEnd, time: Date): string {
  return `htmx-mercure: ${time.toLocaleTimeString()}: the stream ${url} ended: ${reasons.get(reason) ?? reason}.`;
}
