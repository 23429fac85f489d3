import { warnOfCopies } from "./hints/copies.js";
import { warnOfDoubledItems } from "./hints/doubled-items.js";
import { warnOfOtherLine } from "./hints/other-line.js";

/**
 * Warns of mistakes in the page, in development.
 *
 * @param htmx - The copy of htmx that the client uses.
 */
export function install(htmx: unknown): void {
  warnOfCopies(htmx);
  warnOfDoubledItems();
  if (htmx instanceof Object) warnOfOtherLine(htmx);
}
