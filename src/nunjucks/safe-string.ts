import type { Environment } from "nunjucks";

/**
 * HTML that templates print as it is. A `String` object as far as JavaScript is concerned; only an environment can make
 * one, since another copy of Nunjucks would escape it.
 */
export type SafeString = string & { readonly __safe: unique symbol };

export type MakeSafe = (html: string) => SafeString;

/** The environment's own way to mark HTML as safe. */
export function safeStringMaker(environment: Environment): MakeSafe {
  const safe = environment.getFilter("safe") as (value: string) => SafeString;
  return (html) => safe(html);
}

/** Whether a value is HTML from a template, of whichever environment. */
export function isSafeString(value: unknown): value is SafeString {
  return value instanceof String;
}

/** A safe string whose HTML is made when, and if, it is printed, and then only once. */
export function lazySafeString(makeSafe: MakeSafe, html: () => string): SafeString {
  let made: string | undefined;
  const value = () => {
    made ??= html();
    return made;
  };
  return Object.create(Object.getPrototypeOf(makeSafe("")), {
    val: { get: value },
    length: { get: () => value().length },
  }) as SafeString;
}
