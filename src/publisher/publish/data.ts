import { MercureError } from "../../shared/errors.js";
import { escapeJson } from "../../shared/escape-json.js";
import { isSafe } from "../../shared/safe-strings.js";
import { htmlOf, isNothing, jsonOf } from "../../shared/text.js";

/**
 * An update's data as text: strings and safe strings as they are, undefined as the empty string, a list that holds HTML
 * or nothing at all joined as `` html`…` `` joins it, anything else as JSON without markup.
 *
 * @throws MercureError `ERR_DATA` for what has no text, such as a promise.
 */
export function dataText(data: unknown): string {
  if (data === undefined) return "";
  if (typeof data === "string" || data instanceof String) return String(data);
  return isListOfHtml(data) ? htmlOf(data, isHtml, refusalOfHtml) : escapeJson(jsonOf(data, refusalOfJson));
}

function isHtml(value: unknown): boolean {
  return isSafe(value);
}

/** What `items.map(render)` and `[render(…), condition && oob(…)]` give, also where there are no items. */
function isListOfHtml(data: unknown): data is readonly unknown[] {
  return Array.isArray(data) && (holdsHtml(data) || data.every(isNothingToShow));
}

function holdsHtml(list: readonly unknown[], seen = new Set<unknown>()): boolean {
  if (seen.has(list)) return false;
  seen.add(list);
  return list.some((item) => isHtml(item) || (Array.isArray(item) && holdsHtml(item, seen)));
}

function isNothingToShow(item: unknown): boolean {
  return isNothing(item) || (Array.isArray(item) && item.length === 0);
}

function refusalOfJson(complaint: string, key?: string): MercureError {
  const subject = key === undefined ? "The data" : `${JSON.stringify(key)} in the data`;
  return new MercureError("ERR_DATA", `${subject} is ${complaint}.`);
}

function refusalOfHtml(complaint: string): MercureError {
  return new MercureError("ERR_DATA", `The data is a list of HTML that holds ${complaint}.`);
}
