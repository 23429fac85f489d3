import { type ErrorCode, MercureError } from "./errors.js";
import { didYouMean } from "./nearest.js";
import { describeValue, isPlainObject } from "./plain-object.js";

/**
 * Rejects options that are not a plain object, and unknown options. Otherwise `true` in place of `{ private: true }`,
 * or a misspelt `private`, would silently publish to everybody.
 *
 * @param where - The name of the function, for the message.
 * @param code - Default `ERR_OPTION`.
 * @throws MercureError with the correct form, or with the nearest names.
 */
export function assertKnownOptions(
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
