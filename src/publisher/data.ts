import { MercureError } from "../errors.js";

/** What JSON would turn into an empty object, without a word. */
const hollow = [
  [Promise, "await it first"],
  [Map, "publish Object.fromEntries(map)"],
  [Set, "publish [...set]"],
  [Error, "publish what readers may see of it"],
] as const;

/**
 * An update's data as text: strings and safe strings as they are, a list of safe strings joined, nothing as the empty
 * string, anything else as JSON.
 *
 * @throws MercureError `ERR_DATA` for what JSON cannot hold.
 */
export function dataText(data: unknown): string {
  if (data === undefined) return "";
  if (typeof data === "string" || data instanceof String) return String(data);
  if (Array.isArray(data) && data.length > 0 && data.every((item) => item instanceof String)) return data.join("");
  for (const [Type, advice] of hollow) {
    if (data instanceof Type) throw new MercureError("ERR_DATA", `The data is a ${Type.name}; ${advice}.`);
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(data, (_key, value: unknown) => (value instanceof String ? String(value) : value));
  } catch (error) {
    throw new MercureError("ERR_DATA", `The data cannot be written as JSON: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  if (text === undefined)
    throw new MercureError("ERR_DATA", `The data cannot be written as JSON: it is a ${typeof data}.`);
  return text;
}
