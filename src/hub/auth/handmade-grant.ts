import { createHmac } from "node:crypto";

/**
 * Returns the hash in the name of the cookie that an application sets by hand. It depends on the application's key:
 * applications on ports of one host share cookies, and would overwrite each other's.
 */
export function handmadeGrant(key: string): string {
  return createHmac("sha256", key).update("the cookie that is set by hand").digest("base64url").slice(0, 22);
}
