import { HttpProblem } from "./problem.js";

/**
 * The max number of fields in a form. Each field takes time, and a body of one megabyte has room for half a million.
 */
export const maxFields = 5_000;

/**
 * Parses `application/x-www-form-urlencoded` text of a query or a body. The parser follows the URL standard, section
 * 5.1, but is strict: it returns undefined when the percent-encoded bytes of a name or a value are invalid UTF-8.
 *
 * `URLSearchParams` would replace such bytes with U+FFFD, and different topics would become the same.
 *
 * @throws HttpProblem 413 for more than {@link maxFields} fields.
 */
export function parseForm(text: string): URLSearchParams | undefined {
  const form = new URLSearchParams();
  if (hasMoreThan(maxFields, text)) throw new HttpProblem(413, `A form can have max ${maxFields} fields.`);
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? "" : pair.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    form.append(name, value);
  }
  return form;
}

function hasMoreThan(fields: number, text: string): boolean {
  let count = 1;
  for (let at = text.indexOf("&"); at >= 0; at = text.indexOf("&", at + 1)) if (++count > fields) return true;
  return false;
}

function decode(text: string): string | undefined {
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) return spaced;
  try {
    // A `%` without two hexadecimal digits after it stands for itself.
    return decodeURIComponent(spaced.replace(/%(?![0-9a-f]{2})/gi, "%25"));
  } catch {
    return undefined;
  }
}
