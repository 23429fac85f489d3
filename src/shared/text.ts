/**
 * Converts values to text. Published data, `html`, properties and attributes all follow these rules, so that no hollow
 * text, such as `[object Promise]`, `NaN` or `{}`, silently reaches a page.
 */
import { escapeHtml } from "./escape-html.js";
import { isPlainObject } from "./plain-object.js";

/**
 * Creates the error for a value without text.
 *
 * @param complaint - The kind of value, and what to write instead.
 * @param key - The property or the index of the value within JSON.
 */
export type Fail = (complaint: string, key?: string) => Error;

/** Returns whether a value means nothing in HTML: the result of a false condition, or a missing element. */
export function isNothing(value: unknown): value is null | undefined | false {
  return value === null || value === undefined || value === false;
}

/**
 * Returns the reason why a value is unusable, even in a template, where it would only print wrongly. Undefined for a
 * usable value.
 */
export function valueComplaintOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : `${value}: a number computed from a missing value`;
    case "symbol":
      return "a symbol: use its description";
    case "function":
      return isThenable(value) ? promiseOf(value) : undefined;
    case "object":
      return value === null ? undefined : complaintOfObject(value);
    default:
      return undefined;
  }
}

/**
 * Returns the reason why a value has no text; undefined for a value with text. A template can call a function and
 * iterate over a collection. As text, the function is a forgotten call, and the collection is empty.
 */
export function textComplaintOf(value: unknown): string | undefined {
  if (typeof value === "function" && !isThenable(value)) {
    return /^class\b/.test(Function.prototype.toString.call(value))
      ? "a class: use an object of it"
      : "a function: call it, and use its result";
  }
  return (
    valueComplaintOf(value) ?? (typeof value === "object" && value !== null ? collectionComplaint(value) : undefined)
  );
}

/**
 * Returns the reason why a template must not print a value: its text would be hollow, such as `[object Object]`, or the
 * source of a function. Undefined for any other value.
 */
export function printComplaintOf(value: unknown): string | undefined {
  if (typeof value === "function") return textComplaintOf(value);
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) {
    const items = value.filter((item) => !Array.isArray(item));
    return items.map(printComplaintOf).find((complaint) => complaint !== undefined);
  }
  if (stringOf(value) !== undefined) return undefined;
  return textComplaintOf(value) ?? withoutText(value);
}

/**
 * Returns the text of a value: a string, a number, a boolean, a date, or any object with a text of its own, such as a
 * URL, a decimal or an ObjectId. Undefined for lists, plain objects and the like, and for null and undefined.
 *
 * @throws the error that `fail` creates for a value without text.
 */
export function textOf(value: unknown, fail: Fail): string | undefined {
  if (typeof value === "string") return value;
  const complaint = textComplaintOf(value);
  if (complaint !== undefined) throw fail(complaint);
  if (value === null || value === undefined || Array.isArray(value)) return undefined;
  return typeof value === "object" ? ownText(value, fail) : String(value);
}

/**
 * Converts a value to HTML. Nothing becomes the empty string, safe strings stay unchanged, lists are joined, and text
 * is escaped.
 *
 * @param isSafe - Whether a value is HTML already.
 * @throws the error that `fail` creates for a value without text, such as a plain object.
 */
export function htmlOf(value: unknown, isSafe: (value: unknown) => boolean, fail: Fail): string {
  if (isNothing(value)) return "";
  if (isSafe(value)) return String(value);
  if (Array.isArray(value)) return value.map((item) => htmlOf(item, isSafe, fail)).join("");
  const text = textOf(value, fail);
  if (text === undefined) {
    throw fail(withoutText(value as object));
  }
  return escapeHtml(text);
}

/**
 * Converts a value to JSON. Safe strings and integers of arbitrary size become strings.
 *
 * @throws the error that `fail` creates for a value that JSON would drop, or turn into null or an empty object.
 */
export function jsonOf(value: unknown, fail: Fail): string {
  let failure: Error | undefined;
  const refuse = (complaint: string, key: string) => {
    failure = fail(complaint, key === "" ? undefined : key);
    return failure;
  };
  try {
    return JSON.stringify(value, function (this: Record<string, unknown>, key: string, json: unknown) {
      // The value before `toJSON`.
      const given = this[key];
      if (given instanceof String) return String(given);
      const complaint = textComplaintOf(given);
      if (complaint !== undefined) throw refuse(complaint, key);
      if (isHollowInstance(given, json)) {
        const text = ownText(given, (each) => refuse(each, key));
        if (text !== undefined) return text;
        throw refuse(
          `${nameOf(given)}, which has no own fields: add a method toJSON(), or publish a plain object`,
          key,
        );
      }
      return typeof json === "bigint" ? String(json) : json;
    });
  } catch (error) {
    if (error === failure) throw error;
    throw fail(`a value that JSON cannot represent: ${(error as Error).message}`);
  }
}

/** Returns whether `await` would wait for a value: a promise, or an unsent query. */
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
  return isBinary ? `a ${className(value)}: decode it first, for example with buffer.toString()` : undefined;
}

function collectionComplaint(value: object): string | undefined {
  if (isPlainObject(value) || Array.isArray(value) || hasToJson(value)) return undefined;
  if (value instanceof Map) return "a Map: use Object.fromEntries(map) or [...map.values()]";
  if (value instanceof Set) return "a Set: use [...set]";
  if (value instanceof Error) return "an Error: use only what readers can see of it";
  if (Symbol.asyncIterator in value)
    return `${nameOf(value)}, an asynchronous iterator: collect its items in a list first`;
  const isIterator = Symbol.iterator in value && typeof (value as { next?: unknown }).next === "function";
  return isIterator ? "an iterator: use a list, [...iterator]" : undefined;
}

/** Returns an object's own text; undefined for an object without one. */
function ownText(value: object, fail: Fail): string | undefined {
  if (value instanceof Date) return value.toISOString();
  const json: unknown = hasToJson(value) ? value.toJSON("") : undefined;
  if (typeof json === "object" && json !== null && !isExtendedJson(json)) return undefined;
  const text = typeof json === "string" ? json : stringOf(value);
  if (text !== undefined && /^(NaN|-?Infinity|Invalid .*)$/.test(text)) throw fail(`${nameOf(value)} that is ${text}`);
  return text;
}

/**
 * Returns whether JSON is MongoDB's extended form, such as `{ $numberDecimal: "1.50" }` for a number that JSON lacks.
 * The text of such a value is in `toString`.
 */
function isExtendedJson(json: object): boolean {
  const keys = Object.keys(json);
  return keys.length > 0 && keys.every((key) => key.startsWith("$"));
}

/** Converts an object to a string. Returns undefined for the default text that all objects share. */
function stringOf(value: object): string | undefined {
  try {
    const text = String(value);
    return /^\[object [^\]]*\]$/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Returns whether JSON would lose a class instance's content, because its fields are private or on its prototype. */
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

function withoutText(value: object): string {
  return `${nameOf(value)}: print one of its fields, or JSON.stringify(it)`;
}

function className(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" ? name : "";
}
