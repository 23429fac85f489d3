/** The prototypes of the strings that environments hold for safe. */
const prototypes = new WeakSet<object>();

/** Declares the prototype of strings that an environment makes for safe ones. */
export function declareSafe(prototype: object): void {
  prototypes.add(prototype);
}

/**
 * Whether a value is HTML from a template. Any program can make a `String` object, and libraries do so of what a visitor
 * sent, so that only those count that an environment of Nunjucks has made.
 */
export function isSafe(value: unknown): boolean {
  return value instanceof String && prototypes.has(Object.getPrototypeOf(value));
}
