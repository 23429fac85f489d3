import { MercureError } from "../shared/errors.js";
import { isPlainObject } from "../shared/plain-object.js";
import { valueComplaintOf } from "../shared/text.js";

/** The max depth of the search in lists and plain objects: a list of rows, and the cells of each row. */
const maxDepth = 2;

/**
 * Rejects properties that templates cannot print. Nunjucks would write `[object Promise]` or `NaN` into the page.
 *
 * Collections, functions and class instances pass, since templates can use them.
 *
 * @throws MercureError `ERR_TEMPLATE` for such a property.
 */
export function refuseHollowProps(component: string, props: Iterable<readonly [name: string, value: unknown]>): void {
  for (const [name, value] of props) {
    const found = findHollow(value, maxDepth);
    if (found === undefined) continue;
    const subject = `the property "${name}" of the component "${component}"`;
    const place = found.path === "" ? capitalised(subject) : `"${found.path}" in ${subject}`;
    throw new MercureError("ERR_TEMPLATE", `${place} is ${found.complaint}.`);
  }
}

interface Found {
  readonly path: string;
  readonly complaint: string;
}

function findHollow(value: unknown, depth: number): Found | undefined {
  const complaint = valueComplaintOf(value);
  if (complaint !== undefined) return { path: "", complaint };
  if (depth === 0 || !isContainer(value)) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = findHollow(inner, depth - 1);
    if (found !== undefined)
      return { path: found.path === "" ? key : `${key}.${found.path}`, complaint: found.complaint };
  }
  return undefined;
}

/** Whether a value is a list or a plain object. Getters of class instances can have side effects. */
function isContainer(value: unknown): value is object {
  return Array.isArray(value) || isPlainObject(value);
}

function capitalised(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
