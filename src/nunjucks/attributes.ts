import { MercureError } from "../shared/errors.js";
import { escapeHtml } from "../shared/escape-html.js";
import { jsonOf, textOf } from "../shared/text.js";
import { isSafeString } from "./safe-string.js";

/** Characters that HTML syntax forbids in an attribute's name. */
const impossibleName = /[\s"'<>/=\p{Cc}]/u;

/** Attributes that write `true` and `false` out as text. */
const takesTrueAndFalse = /^(aria|data|hx)-/;

/**
 * Writes properties as escaped HTML attributes. In names `_` becomes `-`, and a `_` at the end is dropped (`class_`).
 * `aria-*`, `data-*` and `hx-*` write true and false as text; for other names true writes a bare attribute and false
 * omits it. Null and undefined omit the attribute. An object with a text form, such as a date or an ObjectId, becomes
 * its text; plain objects and lists become JSON.
 *
 * @throws MercureError `ERR_TEMPLATE` for a name that HTML does not allow, and for a value without a text.
 */
export function attributes(props: Iterable<readonly [name: string, value: unknown]>): string {
  const written: string[] = [];
  for (const [prop, value] of props) {
    const name = attributeName(prop);
    const text = attributeValue(name, value);
    if (text === undefined) continue;
    written.push(text === true ? name : `${name}="${text}"`);
  }
  return written.join(" ");
}

/** Returns the attribute's name for a property. */
export function attributeName(prop: string): string {
  const name = prop.replace(/_+$/, "").replaceAll("_", "-");
  if (name === "" || impossibleName.test(name)) {
    throw new MercureError("ERR_TEMPLATE", `${JSON.stringify(prop)} cannot be the name of an HTML attribute.`);
  }
  return name;
}

/** Returns the escaped value; true for a bare attribute, undefined to omit it. */
function attributeValue(name: string, value: unknown): string | true | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "boolean") {
    if (takesTrueAndFalse.test(name)) return String(value);
    return value ? true : undefined;
  }
  // HTML entities stay unchanged. Characters that could end the value are escaped.
  if (isSafeString(value)) return escapeHtml(String(value)).replaceAll("&amp;", "&");
  const fail = (complaint: string, key?: string) => {
    const subject = key === undefined ? `The attribute ${name}` : `${JSON.stringify(key)} in the attribute ${name}`;
    return new MercureError("ERR_TEMPLATE", `${subject} is ${complaint}.`);
  };
  return escapeHtml(textOf(value, fail) ?? jsonOf(value, fail));
}
