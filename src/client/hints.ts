import { warnOfCopies } from "./hints/copies.js";
import { warnOfDoubledItems } from "./hints/doubled-items.js";

/**
 * Looks for mistakes of the page's author, in development.
 *
 * @param htmx - The copy of htmx that the client uses.
 */
export function install(htmx: unknown): void {
  warnOfCopies(htmx);
  warnOfDoubledItems();
}
