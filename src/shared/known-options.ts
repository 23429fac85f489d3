import { type ErrorCode, MercureError } from "./errors.js";
import { didYouMean } from "./nearest.js";
import { describeValue, isPlainObject } from "./plain-object.js";

/**
 * Refuses options that are not a plain object, and options that do not exist: `true` in place of `{ private: true }`,
 * and a misspelt `private`, would otherwise publish to everybody, in silence.
 *
 * @param where - The function, for the message.
 * @param code - Default `ERR_OPTION`.
 * @throws MercureError with what to write, or with the nearest names.
 */
export function refuseUnknownOptions(
  options: unknown,
  known: readonly string[],
  where: string,
  code: ErrorCode = "ERR_OPTION",
): asserts options is object {
  if (!isPlainObject(options)) {
    const example = `{ ${known[0]}: ${known[0] === "private" ? "true" : "…"} }`;
    throw new MercureError(
      code,
      `${where} takes its options as a plain object, not ${describeValue(options)}: write ${example}.`,
    );
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new MercureError(code, `${where} has no option "${name}".${didYouMean(name, known)}`);
  }
}
