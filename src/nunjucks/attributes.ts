import { MercureError } from "../shared/errors.js";
import { escapeHtml } from "../shared/escape-html.js";
import { jsonOf, textOf } from "../shared/text.js";
import { isSafeString } from "./safe-string.js";

/** HTML syntax: what cannot stand in an attribute's name, and what would end one. */
const impossibleName = /[\s"'<>/=\p{Cc}]/u;

/** Attributes for which `false` is a value and not an absence. */
const takesTrueAndFalse = /^(aria|data|hx)-/;

/**
 * Writes properties as HTML attributes, escaped. `_` turns to `-`, a `_` at the end is dropped (`class_`). For `aria-*`,
 * `data-*` and `hx-*` true and false are written out; for others true is a bare attribute and false none. Null and
 * undefined are none. An object that says how it reads, such as a date or an ObjectId, becomes its text; plain objects and
 * lists become JSON.
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

/** The attribute that a property stands for. */
export function attributeName(prop: string): string {
  const name = prop.replace(/_+$/, "").replaceAll("_", "-");
  if (name === "" || impossibleName.test(name)) {
    throw new MercureError("ERR_TEMPLATE", `${JSON.stringify(prop)} cannot be the name of an HTML attribute.`);
  }
  return name;
}

/** The escaped value, true for an attribute without one, undefined for no attribute. */
function attributeValue(name: string, value: unknown): string | true | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "boolean") {
    if (takesTrueAndFalse.test(name)) return String(value);
    return value ? true : undefined;
  }
  // The entities of HTML stay what they are; what could end the value is escaped all the same.
  if (isSafeString(value)) return escapeHtml(String(value)).replaceAll("&amp;", "&");
  const fail = (complaint: string, key?: string) => {
    const subject = key === undefined ? `The attribute ${name}` : `${JSON.stringify(key)} in the attribute ${name}`;
    return new MercureError("ERR_TEMPLATE", `${subject} is ${complaint}.`);
  };
  return escapeHtml(textOf(value, fail) ?? jsonOf(value, fail));
}
