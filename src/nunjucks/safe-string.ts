import type { Environment } from "nunjucks";
import { declareSafe, isSafe } from "../shared/safe-strings.js";

/**
 * HTML that templates print as it is. A `String` object as far as JavaScript is concerned; only an environment can make
 * one, since another copy of Nunjucks would escape it.
 */
export type SafeString = string & { readonly __safe: unique symbol };

export type MakeSafe = (html: string) => SafeString;

/** The environment's own way to mark HTML as safe. */
export function safeStringMaker(environment: Environment): MakeSafe {
  const safe = environment.getFilter("safe") as (value: string) => SafeString;
  declareSafe(Object.getPrototypeOf(safe("")));
  return (html) => safe(html);
}

/** Whether a value is HTML from a template, of whichever environment. */
export function isSafeString(value: unknown): value is SafeString {
  return isSafe(value);
}

/** A safe string whose HTML is made when, and if, it is printed, and then only once. */
export function lazySafeString(makeSafe: MakeSafe, html: () => string): SafeString {
  let LazySafeString = classes.get(makeSafe);
  if (LazySafeString === undefined) {
    LazySafeString = lazyClass(Object.getPrototypeOf(makeSafe("")));
    classes.set(makeSafe, LazySafeString);
  }
  return new LazySafeString(html) as unknown as SafeString;
}

type LazyClass = new (html: () => string) => object;

/** One class for each environment, for its safe strings are known by their prototype. */
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
