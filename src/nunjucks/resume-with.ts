import type { Environment, Extension } from "nunjucks";
import { extensionName } from "./extension.js";
import type { EnvironmentInternals } from "./internals.js";

/** Binds a callback to the current context. */
export type Bind = <Args extends unknown[], Result>(callback: (...args: Args) => Result) => (...args: Args) => Result;

type Call = (...args: unknown[]) => unknown;

/** Copies a callback's `length`, since its number of parameters identifies its kind. */
function likewise(bound: Call, callback: Call): Call {
  return Object.defineProperty(bound, "length", { value: callback.length });
}

/**
 * Makes templates resume in their own context after asynchronous filters, extensions and loaders. These can call back
 * from another context, such as the connection of another request.
 */
export function resumeWith(environment: Environment, bind: Bind): void {
  const internals = environment as EnvironmentInternals;
  const { getFilter, getExtension, getTemplate } = internals;
  const bound = (call: Call): Call =>
    function (this: unknown, ...args) {
      return Reflect.apply(
        call,
        this,
        args.map((arg) => (typeof arg === "function" ? likewise(bind(arg as Call), arg as Call) : arg)),
      );
    };
  internals.getFilter = function (name) {
    const filter = getFilter.call(this, name);
    return this.asyncFilters.includes(name) ? bound(filter) : filter;
  };
  internals.getTemplate = bound(getTemplate as Call) as typeof getTemplate;
  const extensions = new WeakMap<Extension, Extension>();
  internals.getExtension = function (name) {
    const extension = getExtension.call(this, name);
    // The library's own extension is synchronous.
    if (extension === undefined || name === extensionName) return extension;
    const resuming = extensions.get(extension) ?? new Proxy(extension, { get: boundMethod });
    extensions.set(extension, resuming);
    return resuming;
  };
  // Nunjucks removes an extension by identity, and a proxy is another object.
  internals.removeExtension = function (name) {
    this.extensionsList = this.extensionsList.filter((each) => each !== this.extensions[name]);
    delete this.extensions[name];
  };

  function boundMethod(extension: Extension, key: string): unknown {
    const value = Reflect.get(extension, key);
    return typeof value === "function" ? bound(value as Call).bind(extension) : value;
  }
}
