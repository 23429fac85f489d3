import { MercureError } from "./errors.js";
import type { Logger } from "./logger.js";

/** The min length of a key for HS256, in bytes (RFC 7518, section 3.2). */
export const minKeyLength = 32;

/** The keys that each logger was already warned about. An application and its hub check the same keys. */
const warnedKeys = new WeakMap<Logger, Set<string>>();

/**
 * Checks the length of a key. In development, a short key causes one warning.
 *
 * @throws MercureError `ERR_OPTION` in production for a key that is too short.
 */
export function checkKeyLength(key: string, development: boolean, logger: Logger): void {
  const length = Buffer.byteLength(key);
  if (length >= minKeyLength) return;
  const message = `a secret has ${length} bytes; HS256 needs min ${minKeyLength} (RFC 7518, section 3.2).`;
  if (!development) throw new MercureError("ERR_OPTION", `Production is not safe: ${message}`);
  const warned = warnedKeys.get(logger) ?? new Set();
  warnedKeys.set(logger, warned);
  if (warned.has(key)) return;
  warned.add(key);
  logger.warn(`htmx-mercure: ${message} Production rejects it.`);
}
