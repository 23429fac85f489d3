import type { Response } from "express";
import { MercureError } from "../errors.js";

/**
 * Lets no cache keep a response for others.
 *
 * @throws MercureError `ERR_TOKEN` when it is too late to say so.
 */
export function keepOutOfCaches(response: Response): void {
  if (!response.headersSent) {
    response.set("Cache-Control", "private, no-store");
    return;
  }
  const mayBeKept = !/\b(no-store|private)\b/i.test(response.get("Cache-Control") ?? "");
  // After its end, whatever is rendered is for somebody else.
  if (!mayBeKept || response.writableEnded) return;
  throw new MercureError(
    "ERR_TOKEN",
    'A private stream is rendered for a response that has begun, and that caches may keep: set its header "Cache-Control: ' +
      'private, no-store" before.',
  );
}
