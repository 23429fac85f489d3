import { types } from "node:util";
import type { Environment } from "nunjucks";
import { MercureError } from "../shared/errors.js";
import { onRejection } from "../shared/on-rejection.js";

interface Globals {
  readonly globals: Record<string, unknown>;
  addGlobal(name: string, value: unknown): Environment;
}

/**
 * Makes a template throw if it prints a promise that a global function returned. An asynchronous filter can still await
 * the promise. A rejection reaches that filter, and never ends the process.
 *
 * @param refusal - Returns an error if rendering must be synchronous at this place; undefined in a page.
 */
export function guardGlobals(environment: Environment, refusal: (what: string) => Error | undefined): void {
  const internals = environment as unknown as Globals;
  const { addGlobal, globals } = internals;
  const guarded = (name: string, value: unknown): unknown =>
    typeof value === "function"
      ? new Proxy(value, { apply: (call, self, args) => printable(name, Reflect.apply(call, self, args)) })
      : value;
  const printable = (name: string, result: unknown): unknown => {
    if (!types.isPromise(result)) return result;
    onRejection(result);
    const what = `The promise of ${name}()`;
    const print = () => {
      throw refusal(what) ?? new MercureError("ERR_TEMPLATE", `${what} cannot be printed: await it in the handler.`);
    };
    return Object.defineProperty(result, "toString", { value: print });
  };
  for (const [name, value] of Object.entries(globals)) globals[name] = guarded(name, value);
  internals.addGlobal = (name, value) => Reflect.apply(addGlobal, environment, [name, guarded(name, value)]);
}
