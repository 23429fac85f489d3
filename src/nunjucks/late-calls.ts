import type { Environment, Extension } from "nunjucks";
import { onRejection } from "../shared/on-rejection.js";
import { extensionName } from "./extension.js";
import type { EnvironmentInternals } from "./internals.js";

export interface LateCallsOptions {
  /** Returns why nothing can be waited for now; undefined while a page is rendered, which can wait. */
  refusal(what: string): Error | undefined;
  /** Told of an error after the rendering that it belongs to has ended. */
  report(error: unknown): void;
}

/** Calls of Nunjucks' own whose last argument is what remains to be rendered. */
type Callable = (this: unknown, ...args: unknown[]) => unknown;

/** A continuation takes an error and a result; a function that renders a tag's body takes a callback alone. */
const continuationLength = 2;

/**
 * Keeps an environment's asynchronous filters, loaders and extensions within the rendering that waits for them.
 *
 * What follows an asynchronous filter is rendered in that filter's callback, outside of every handler: an exception there,
 * such as a refused private stream, would end the process. Here it becomes the error of the rendering. Where nothing can
 * wait, as in a component, the filter is refused at once instead of losing its text.
 */
export function guardLateCalls(environment: Environment, options: LateCallsOptions): void {
  const internals = environment as EnvironmentInternals;
  const { getFilter, getTemplate, getExtension } = internals;
  internals.getFilter = (name: string) => {
    const filter = getFilter.call(environment, name) as Callable;
    if (!internals.asyncFilters.includes(name)) return filter;
    return guarded(filter, `The asynchronous filter "${name}"`, options);
  };
  internals.getTemplate = guarded(
    getTemplate.bind(environment) as Callable,
    "An asynchronous loader of templates",
    options,
  ) as typeof getTemplate;
  internals.getExtension = (name: string) => {
    const extension = getExtension.call(environment, name) as object | undefined;
    if (extension === undefined || name === extensionName) return extension as unknown as Extension;
    return guardedExtension(extension, name, options) as Extension;
  };
}

function guarded(call: Callable, what: string, options: LateCallsOptions): Callable {
  return function (this: unknown, ...args: unknown[]) {
    const last = args.at(-1);
    if (typeof last !== "function") return call.apply(this, args);
    const once = new Continuation(last as Callable, options.report);
    const returned = once.during(() => call.apply(this, [...args.slice(0, -1), once.call]));
    const refusal = once.isSettled ? undefined : options.refusal(what);
    onRejection(returned, (error) => once.call(error));
    if (refusal === undefined) return returned;
    once.abandon();
    throw refusal;
  };
}

/** The methods of an extension that Nunjucks gives a continuation. */
function guardedExtension(extension: object, name: string, options: LateCallsOptions): object {
  return new Proxy(extension, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== "function") return method;
      return (...args: unknown[]) => {
        const last = args.at(-1);
        const isLate = typeof last === "function" && last.length === continuationLength;
        const call = isLate ? guarded(method as Callable, `The asynchronous extension "${name}"`, options) : method;
        return Reflect.apply(call, target, args);
      };
    },
  });
}

/** What remains to be rendered: it goes on once, and its errors are the rendering's own. */
class Continuation {
  readonly #next: Callable;
  readonly #report: (error: unknown) => void;
  #isSettled = false;
  #isWithin = false;

  constructor(next: Callable, report: (error: unknown) => void) {
    this.#next = next;
    this.#report = report;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Nothing goes on any more. */
  abandon(): void {
    this.#isSettled = true;
  }

  /** While this runs, an exception of the continuation reaches the rendering by itself. */
  during(work: () => unknown): unknown {
    this.#isWithin = true;
    try {
      return work();
    } finally {
      this.#isWithin = false;
    }
  }

  readonly call = (...results: unknown[]): unknown => {
    if (this.#isSettled) return undefined;
    this.#isSettled = true;
    try {
      return this.#next(...results);
    } catch (error) {
      if (this.#isWithin) {
        this.#isSettled = false;
        throw error;
      }
      return this.#fail(error);
    }
  };

  #fail(error: unknown): void {
    try {
      this.#next(error);
    } catch (failure) {
      this.#report(failure);
    }
  }
}
