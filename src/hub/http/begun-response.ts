import type { ServerResponse } from "node:http";
import { MercureError } from "../../shared/errors.js";

export function hasBegun({ headersSent, writableEnded }: ServerResponse): boolean {
  return headersSent || writableEnded;
}

/** Returns the error for a handler that finds its response begun. */
export function responseBegun(handler: string): MercureError {
  return new MercureError(
    "ERR_RESPONSE",
    `${handler} cannot send its answer: the response has begun or ended. Check whether an earlier handler sends a ` +
      "response too.",
  );
}
