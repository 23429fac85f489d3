import type { Environment, Extension } from "nunjucks";
import { onRejection } from "../shared/on-rejection.js";
import { extensionName } from "./extension.js";
import type { EnvironmentInternals } from "./internals.js";

export interface LateCallsOptions {
  /** Returns an error if rendering must be synchronous now; undefined in a page, which can wait. */
  refusal(what: string): Error | undefined;
  /** Receives an error that occurs after its rendering has ended. */
  report(error: unknown): void;
}

/** A function that Nunjucks calls with a continuation as the last argument. */
type Callable = (this: unknown, ...args: unknown[]) => unknown;

/**
 * The number of parameters of a continuation: an error and a result. A function that renders a tag's body takes only a
 * callback.
 */
const continuationLength = 2;

/**
 * Passes errors after an environment's asynchronous filters, loaders and extensions to the rendering that waits for
 * them.
 *
 * Nunjucks renders the rest of a template in the filter's callback, outside any error handler. An exception there, such
 * as a rejected private stream, would end the process. The guard turns it into the rendering's error. Where rendering
 * must be synchronous, as in a component, the guard throws at once, since the filter's text would be lost.
 */
export function guardLateCalls(environment: Environment, options: LateCallsOptions): void {
  const internals = environment as EnvironmentInternals;
  const { getFilter, getTemplate, getExtension } = internals;
  internals.getFilter = (name: string) => {
    const filter = getFilter.call(environment, name);
    if (!internals.asyncFilters.includes(name)) return filter;
    return guarded(filter, `The asynchronous filter "${name}"`, options);
  };
  internals.getTemplate = guarded(
    getTemplate.bind(environment) as Callable,
    "An asynchronous loader of templates",
    options,
  ) as typeof getTemplate;
  internals.getExtension = (name: string) => {
    const extension = getExtension.call(environment, name);
    if (extension === undefined || name === extensionName) return extension;
    return guardedExtension(extension, name, options);
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

/** Wraps an extension's methods that take a continuation. */
function guardedExtension(extension: Extension, name: string, options: LateCallsOptions): Extension {
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

/** The rest of a rendering. It runs once, and its errors become the rendering's error. */
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

  /** Makes later calls of the continuation have no effect. */
  abandon(): void {
    this.#isSettled = true;
  }

  /** Runs the guarded call. While it runs, the continuation's exceptions propagate to the rendering themselves. */
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
