import type { Environment } from "nunjucks";
import { declareSafe, isSafe } from "../shared/safe-strings.js";

// Only an environment can make a safe string, because another copy of Nunjucks would escape it.
/** HTML that templates do not escape. At run time it is a `String` object. */
export type SafeString = string & { readonly __safe: unique symbol };

export type MakeSafe = (html: string) => SafeString;

/** Returns a function that marks HTML as safe for an environment. */
export function safeStringMaker(environment: Environment): MakeSafe {
  const safe = environment.getFilter("safe") as (value: string) => SafeString;
  declareSafe(Object.getPrototypeOf(safe("")));
  return (html) => safe(html);
}

/** Whether a value is a safe string, of any environment. */
export function isSafeString(value: unknown): value is SafeString {
  return isSafe(value);
}

/** Returns a safe string that renders its HTML once, when it is first printed. */
export function lazySafeString(makeSafe: MakeSafe, html: () => string): SafeString {
  let LazySafeString = classes.get(makeSafe);
  if (LazySafeString === undefined) {
    LazySafeString = lazyClass(Object.getPrototypeOf(makeSafe("")));
    classes.set(makeSafe, LazySafeString);
  }
  return new LazySafeString(html) as unknown as SafeString;
}

type LazyClass = new (html: () => string) => object;

/** The lazy class of each environment. Environments recognise their safe strings by prototype. */
const classes = new WeakMap<MakeSafe, LazyClass>();

function lazyClass(safeString: object): LazyClass {
  class LazySafeString {
    readonly #html: () => string;
    #made: string | undefined;

    constructor(html: () => string) {
      this.#html = html;
    }

    get val(): string {
      this.#made ??= this.#html();
      return this.#made;
    }

    get length(): number {
      return this.val.length;
    }
  }
  Object.setPrototypeOf(LazySafeString.prototype, safeString);
  declareSafe(LazySafeString.prototype);
  return LazySafeString;
}
