import { warnOfCopies } from "./hints/copies.js";
import { warnOfDoubledItems } from "./hints/doubled-items.js";
import { warnOfOtherLine } from "./hints/other-line.js";

// Warns of mistakes in the page, in development.
const htmx: unknown = window.htmx;
warnOfCopies(htmx);
warnOfDoubledItems();
if (htmx instanceof Object) warnOfOtherLine(htmx);
