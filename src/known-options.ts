import { MercureError } from "./errors.js";
import { didYouMean } from "./nearest.js";

/**
 * Refuses an option that does not exist: a misspelt `private` would otherwise publish to everybody, in silence.
 *
 * @throws MercureError `ERR_OPTION` with the nearest names.
 */
export function refuseUnknownOptions(options: object, known: readonly string[], where: string): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new MercureError("ERR_OPTION", `${where} has no option "${name}".${didYouMean(name, known)}`);
  }
}
