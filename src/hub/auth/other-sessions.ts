import type { IncomingMessage } from "node:http";

const keys = new WeakMap<IncomingMessage, string>();

/** Notes the key cookie of a request that was made for another session. */
export function noteKeyOfOtherSession(req: IncomingMessage, key: string): void {
  keys.set(req, key);
}

/** Returns the noted key cookie. Tokens that are bound to it are invalid for the request. */
export function keyOfOtherSession(req: IncomingMessage): string | undefined {
  return keys.get(req);
}
