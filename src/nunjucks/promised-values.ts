import { types } from "node:util";
import type { Environment } from "nunjucks";
import { MercureError } from "../shared/errors.js";
import { onRejection } from "../shared/on-rejection.js";
import { isSafe } from "../shared/safe-strings.js";
import { printComplaintOf } from "../shared/text.js";
import type { TemplateClass } from "./internals.js";

interface PromiseOptions {
  /** Returns an error if rendering must be synchronous at this place; undefined in a page. */
  refusal(what: string): Error | undefined;
  /** Receives an error before Nunjucks replaces it with a copy of its message. */
  onError(error: MercureError): void;
}

type RootFunction = (
  this: unknown,
  env: unknown,
  context: unknown,
  frame: unknown,
  runtime: Runtime,
  cb: unknown,
) => unknown;

/** The functions that compiled templates call for their values. */
interface Runtime {
  contextOrFrameLookup(context: unknown, frame: unknown, name: string): unknown;
  memberLookup(object: unknown, name: unknown): unknown;
  callWrap(call: unknown, name: string, context: unknown, args: unknown[]): unknown;
  suppressValue(value: unknown, autoescape: boolean): unknown;
}

interface CompiledTemplate {
  readonly env: Environment;
  rootRenderFunc: RootFunction;
  _compile(): void;
}

const optionsOf = new WeakMap<Environment, PromiseOptions>();
const guardedClasses = new WeakSet<TemplateClass>();

/**
 * Makes templates throw if they print a promise of a variable, a property or a function. A page's asynchronous filter
 * can still await it. Where rendering must be synchronous, any use of a promise throws. Its rejection reaches the code
 * that awaits it, and never ends the process. A printed value without text, such as a plain object, throws too.
 */
export function guardPromises(environment: Environment, Template: TemplateClass, options: PromiseOptions): void {
  optionsOf.set(environment, options);
  if (guardedClasses.has(Template)) return;
  guardedClasses.add(Template);
  const prototype = Template.prototype as CompiledTemplate;
  const { _compile: compile } = prototype;
  prototype._compile = function () {
    compile.call(this);
    const options = optionsOf.get(this.env);
    if (options === undefined) return;
    const { rootRenderFunc: render } = this;
    let guarded: Runtime | undefined;
    // Blocks, macros and parents get the runtime of the template that calls them.
    this.rootRenderFunc = function (env, context, frame, runtime, cb) {
      guarded ??= guardedRuntime(runtime, options);
      return render.call(this, env, context, frame, guarded, cb);
    };
  };
}

function guardedRuntime(runtime: Runtime, { refusal, onError }: PromiseOptions): Runtime {
  if (guardedRuntimes.has(runtime)) return runtime;
  const { contextOrFrameLookup, memberLookup, callWrap, suppressValue } = runtime;
  const guarded: Runtime = {
    ...runtime,
    contextOrFrameLookup: (context, frame, name) => {
      const value = contextOrFrameLookup(context, frame, name);
      return types.isPromise(value) ? checked(value, `The promise ${name}`, refusal) : value;
    },
    memberLookup: (object, name) => {
      const value = memberLookup(object, name);
      return types.isPromise(value) ? checked(value, `The promise ${String(name)}`, refusal) : value;
    },
    callWrap: (call, name, context, args) => {
      const value = callWrap(call, name, context, args);
      return types.isPromise(value) ? checked(value, `The promise of ${plainName(name)}()`, refusal) : value;
    },
    suppressValue: (value, autoescape) => {
      if (types.isPromise(value)) String(checked(value, "A promise", refusal));
      else if (!isSafe(value)) refuseHollowText(value, onError);
      return suppressValue(value, autoescape);
    },
  };
  guardedRuntimes.add(guarded);
  return guarded;
}

function refuseHollowText(value: unknown, onError: PromiseOptions["onError"]): void {
  const complaint = printComplaintOf(value);
  if (complaint === undefined) return;
  const error = new MercureError("ERR_TEMPLATE", `A printed value is ${complaint}.`);
  onError(error);
  throw error;
}

const guardedRuntimes = new WeakSet<Runtime>();

/** Nunjucks names members as `o["f"]`. */
function plainName(name: string): string {
  return name.replace(/\["([^"]*)"\]/g, ".$1");
}

function checked(promise: Promise<unknown>, what: string, refusal: PromiseOptions["refusal"]): Promise<unknown> {
  onRejection(promise);
  const error = refusal(what);
  if (error !== undefined) throw error;
  // `toString` catches a promise in a concatenation or a filter.
  if (Object.hasOwn(promise, "toString") || !Object.isExtensible(promise)) return promise;
  const print = () => {
    throw refusal(what) ?? new MercureError("ERR_TEMPLATE", `${what} cannot be printed: await it in the handler.`);
  };
  return Object.defineProperty(promise, "toString", { value: print });
}
