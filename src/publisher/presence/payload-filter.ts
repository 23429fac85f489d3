import { isDeepStrictEqual } from "node:util";
import { MercureError } from "../../shared/errors.js";
import { isFunction } from "../../shared/is-function.js";
import { describeValue, isPlainObject } from "../../shared/plain-object.js";

/** Selects payloads: those with all of these properties, deeply equal, or those that the function accepts. */
export type PayloadFilter = Readonly<Record<string, unknown>> | ((payload: unknown) => boolean);

/** Returns whether a payload passes the filter. */
export function passes(payload: unknown, filter: PayloadFilter = {}): boolean {
  if (isFunction(filter)) return filter(payload);
  const wanted = Object.entries(filter);
  if (wanted.length === 0) return true;
  if (typeof payload !== "object" || payload === null) return false;
  return wanted.every(([name, value]) => {
    return Object.hasOwn(payload, name) && isDeepStrictEqual((payload as Record<string, unknown>)[name], value);
  });
}

/**
 * Rejects a filter of the wrong type, which would silently accept every payload.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function checkPayloadFilter(filter: unknown): void {
  if (filter === undefined || isFunction(filter) || isPlainObject(filter)) return;
  throw new MercureError(
    "ERR_OPTION",
    `The payload filter is ${describeValue(filter)}; it must be an object such as { id: 7 }, or a function of the payload.`,
  );
}
