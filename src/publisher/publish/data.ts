import { MercureError } from "../../shared/errors.js";
import { escapeJson } from "../../shared/escape-json.js";
import { isSafe } from "../../shared/safe-strings.js";
import { htmlOf, isNothing, jsonOf } from "../../shared/text.js";

/**
 * Returns an update's data as text. Strings and safe strings stay unchanged, and undefined becomes the empty string. A
 * list that contains HTML or only empty items is joined as in `` html`…` ``. Everything else becomes JSON without
 * markup.
 *
 * @throws MercureError `ERR_DATA` for data without a text form, such as a promise.
 */
export function dataText(data: unknown): string {
  if (data === undefined) return "";
  if (typeof data === "string" || data instanceof String) return String(data);
  return isListOfHtml(data) ? htmlOf(data, isHtml, refusalOfHtml) : escapeJson(jsonOf(data, refusalOfJson));
}

function isHtml(value: unknown): boolean {
  return isSafe(value);
}

/**
 * Returns whether data is a list of HTML, such as `items.map(render)` or `[render(…), condition && oob(…)]`. Empty
 * lists count too.
 */
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
  return new MercureError("ERR_DATA", `The data is a list of HTML that contains ${complaint}.`);
}
