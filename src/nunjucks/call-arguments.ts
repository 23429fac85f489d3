import { MercureError } from "../shared/errors.js";
import { didYouMean } from "../shared/nearest.js";
import { isPlainObject } from "../shared/plain-object.js";

/**
 * Reads the arguments of a function that a template calls, by position or by name, as in Jinja. Nunjucks puts the named
 * ones into a last argument, which it marks.
 *
 * @param names - The parameters of the function, in the order of their positions.
 * @throws MercureError `ERR_TEMPLATE` for an unknown or repeated argument.
 */
export function readArguments<const Name extends string>(
  where: string,
  names: readonly Name[],
  args: readonly unknown[],
): Partial<Record<Name, unknown>> {
  const last = args.at(-1);
  const isNamed = isPlainObject(last) && "__keywords" in last;
  const positional = isNamed ? args.slice(0, -1) : args;
  const named = isNamed ? Object.entries(last).filter(([name]) => name !== "__keywords") : [];
  const usage = `Write ${where}(${names.map((name, i) => (i === 0 ? name : `${name}=…`)).join(", ")}).`;
  if (positional.length > names.length) {
    const max = names.length === 1 ? "1 argument" : `${names.length} arguments`;
    throw new MercureError("ERR_TEMPLATE", `${where} takes ${max}, not ${positional.length}. ${usage}`);
  }
  const read = new Map<string, unknown>(positional.map((value, i) => [names[i]!, value]));
  for (const [name, value] of named) {
    if (!names.some((known) => known === name)) {
      throw new MercureError("ERR_TEMPLATE", `${where} has no argument "${name}".${didYouMean(name, names)} ${usage}`);
    }
    if (read.has(name)) throw new MercureError("ERR_TEMPLATE", `${where} gets the argument "${name}" twice. ${usage}`);
    read.set(name, value);
  }
  return Object.fromEntries(read) as Partial<Record<Name, unknown>>;
}
