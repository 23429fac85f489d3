import type { Environment } from "nunjucks";
import { extensionName } from "./extension.js";

/** Binds a callback to the current context. */
export type Bind = <Args extends unknown[], Result>(callback: (...args: Args) => Result) => (...args: Args) => Result;

type Call = (...args: unknown[]) => unknown;

type Extension = Record<string, unknown>;

interface Lookups {
  readonly asyncFilters: readonly string[];
  extensionsList: Extension[];
  readonly extensions: Record<string, Extension>;
  getFilter(name: string): Call;
  getExtension(name: string): Extension | undefined;
  removeExtension(name: string): void;
  getTemplate(...args: unknown[]): unknown;
}

/** Copies a callback's `length`, since its number of parameters identifies its kind. */
function likewise(bound: Call, callback: Call): Call {
  return Object.defineProperty(bound, "length", { value: callback.length });
}

/**
 * Makes templates resume in their own context after asynchronous filters, extensions and loaders. These can call back
 * from another context, such as the connection of another request.
 */
export function resumeWith(environment: Environment, bind: Bind): void {
  const lookups = environment as unknown as Lookups;
  const { getFilter, getExtension, getTemplate } = lookups;
  const bound = (call: Call): Call =>
    function (this: unknown, ...args) {
      return Reflect.apply(
        call,
        this,
        args.map((arg) => (typeof arg === "function" ? likewise(bind(arg as Call), arg as Call) : arg)),
      );
    };
  lookups.getFilter = function (name) {
    const filter = Reflect.apply(getFilter, this, [name]) as Call;
    return this.asyncFilters.includes(name) ? bound(filter) : filter;
  };
  lookups.getTemplate = bound(getTemplate as Call);
  const extensions = new WeakMap<Extension, Extension>();
  lookups.getExtension = function (name) {
    const extension = Reflect.apply(getExtension, this, [name]) as Extension | undefined;
    // The library's own extension is synchronous.
    if (extension === undefined || name === extensionName) return extension;
    const resuming = extensions.get(extension) ?? new Proxy(extension, { get: boundMethod });
    extensions.set(extension, resuming);
    return resuming;
  };
  // Nunjucks removes an extension by identity, and a proxy is another object.
  lookups.removeExtension = function (name) {
    this.extensionsList = this.extensionsList.filter((each) => each !== this.extensions[name]);
    delete this.extensions[name];
  };

  function boundMethod(extension: Extension, key: string): unknown {
    const value = Reflect.get(extension, key);
    return typeof value === "function" ? bound(value as Call).bind(extension) : value;
  }
}
