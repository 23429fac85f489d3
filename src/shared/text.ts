/**
 * What becomes text. Published data, `html`, properties and attributes go by this one rule, so that nothing hollow, such
 * as `[object Promise]`, `NaN` or `{}`, reaches a page without a word.
 */
import { escapeHtml } from "./escape-html.js";
import { isPlainObject } from "./plain-object.js";

/**
 * Makes the error for a value that has no text.
 *
 * @param complaint - What the value is, and what to write instead.
 * @param key - The property or the index of the value within JSON.
 */
export type Fail = (complaint: string, key?: string) => Error;

/** Whether a value stands for nothing in HTML: the result of a condition that does not hold, an element that is absent. */
export function isNothing(value: unknown): value is null | undefined | false {
  return value === null || value === undefined || value === false;
}

/** Says why a value is of no use, to a template either: it would only be printed wrongly. Undefined where it is of use. */
export function valueComplaintOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : `${value}: a number was made from a value that is missing`;
    case "symbol":
      return "a symbol: give its description";
    case "function":
      return isThenable(value) ? promiseOf(value) : undefined;
    case "object":
      return value === null ? undefined : complaintOfObject(value);
    default:
      return undefined;
  }
}

/**
 * Says why a value has no text; undefined where it has one. A template may call a function and walk through a collection;
 * as text these are a call that was forgotten, and empty.
 */
export function textComplaintOf(value: unknown): string | undefined {
  if (typeof value === "function" && !isThenable(value)) {
    return /^class\b/.test(Function.prototype.toString.call(value))
      ? "a class: give an object of it"
      : "a function: call it, and give what it returns";
  }
  return (
    valueComplaintOf(value) ?? (typeof value === "object" && value !== null ? collectionComplaint(value) : undefined)
  );
}

/**
 * The text of a value that stands for one: a string, a number, a boolean, a date, and any object that says how it reads,
 * such as a URL, a decimal or an ObjectId. Undefined for a list, a plain object and the like, and for nothing.
 *
 * @throws what `fail` makes for a value without a text.
 */
export function textOf(value: unknown, fail: Fail): string | undefined {
  if (typeof value === "string") return value;
  const complaint = textComplaintOf(value);
  if (complaint !== undefined) throw fail(complaint);
  if (value === null || value === undefined || Array.isArray(value)) return undefined;
  return typeof value === "object" ? ownText(value, fail) : String(value);
}

/**
 * A value as HTML: nothing is the empty string, safe strings stay as they are, lists are joined, and text is escaped.
 *
 * @param isSafe - Whether a value is HTML already.
 * @throws what `fail` makes for a value without a text, plain objects among them.
 */
export function htmlOf(value: unknown, isSafe: (value: unknown) => boolean, fail: Fail): string {
  if (isNothing(value)) return "";
  if (isSafe(value)) return String(value);
  if (Array.isArray(value)) return value.map((item) => htmlOf(item, isSafe, fail)).join("");
  const text = textOf(value, fail);
  if (text === undefined) {
    throw fail(`${nameOf(value as object)}: print one of its fields, or JSON.stringify(it)`);
  }
  return escapeHtml(text);
}

/**
 * A value as JSON. Safe strings and integers of arbitrary size become strings.
 *
 * @throws what `fail` makes for what JSON would drop, or turn into null or an empty object.
 */
export function jsonOf(value: unknown, fail: Fail): string {
  let failure: Error | undefined;
  const refuse = (complaint: string, key: string) => {
    failure = fail(complaint, key === "" ? undefined : key);
    return failure;
  };
  try {
    return JSON.stringify(value, function (this: Record<string, unknown>, key: string, json: unknown) {
      // What toJSON has not changed yet.
      const given = this[key];
      if (given instanceof String) return String(given);
      const complaint = textComplaintOf(given);
      if (complaint !== undefined) throw refuse(complaint, key);
      if (isHollowInstance(given, json)) {
        const text = ownText(given, (each) => refuse(each, key));
        if (text !== undefined) return text;
        throw refuse(
          `${nameOf(given)}, which has no fields of its own: give it toJSON(), or publish a plain object`,
          key,
        );
      }
      return typeof json === "bigint" ? String(json) : json;
    });
  } catch (error) {
    if (error === failure) throw error;
    throw fail(`a value that cannot be written as JSON: ${(error as Error).message}`);
  }
}

/** Whether `await` would wait for a value: a promise, or a query that has not been sent. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

function complaintOfObject(value: object): string | undefined {
  if (isThenable(value)) return promiseOf(value);
  if (isPlainObject(value) || Array.isArray(value)) return undefined;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid date" : undefined;
  const isBinary = ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Blob;
  return isBinary ? `a ${className(value)}: decode it first, as buffer.toString() does` : undefined;
}

function collectionComplaint(value: object): string | undefined {
  if (isPlainObject(value) || Array.isArray(value) || hasToJson(value)) return undefined;
  if (value instanceof Map) return "a Map: give Object.fromEntries(map), or [...map.values()]";
  if (value instanceof Set) return "a Set: give [...set]";
  if (value instanceof Error) return "an Error: give what readers may see of it";
  if (Symbol.asyncIterator in value)
    return `${nameOf(value)}, an asynchronous iterator: collect its items in a list first`;
  const isIterator = Symbol.iterator in value && typeof (value as { next?: unknown }).next === "function";
  return isIterator ? "an iterator: give a list, [...iterator]" : undefined;
}

/** How an object says that it reads; undefined where it does not say. */
function ownText(value: object, fail: Fail): string | undefined {
  if (value instanceof Date) return value.toISOString();
  const json: unknown = hasToJson(value) ? value.toJSON("") : undefined;
  if (typeof json === "object" && json !== null && !isExtendedJson(json)) return undefined;
  const text = typeof json === "string" ? json : stringOf(value);
  if (text !== undefined && /^(NaN|-?Infinity|Invalid .*)$/.test(text)) throw fail(`${nameOf(value)} that is ${text}`);
  return text;
}

/** MongoDB writes a number that JSON has not as `{ $numberDecimal: "1.50" }`; its text is in `toString`. */
function isExtendedJson(json: object): boolean {
  const keys = Object.keys(json);
  return keys.length > 0 && keys.every((key) => key.startsWith("$"));
}

/** Undefined for the text that all objects have. */
function stringOf(value: object): string | undefined {
  try {
    const text = String(value);
    return /^\[object [^\]]*\]$/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Whether JSON would have nothing of an object of a class, as its fields are private or on its prototype. */
function isHollowInstance(given: unknown, json: unknown): given is object {
  if (typeof given !== "object" || given === null || given !== json || Array.isArray(given)) return false;
  if (given instanceof Number || given instanceof Boolean || isPlainObject(given)) return false;
  return Object.keys(given).length === 0;
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}

function promiseOf(value: object): string {
  return value instanceof Promise
    ? "a Promise: await it first"
    : `${nameOf(value)}, which is a promise: await it first`;
}

function nameOf(value: object): string {
  const name = className(value);
  return name === "Object" || name === "" ? "a plain object" : `an object of the class ${name}`;
}

function className(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" ? name : "";
}
