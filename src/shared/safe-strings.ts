/** The prototypes of the strings that environments consider safe. */
const prototypes = new WeakSet<object>();

/** Registers the prototype of an environment's safe strings. */
export function declareSafe(prototype: object): void {
  prototypes.add(prototype);
}

/**
 * Returns whether a value is HTML from a template. Any program can create a `String` object, and libraries do so from
 * visitors' input, so only the strings of a Nunjucks environment count.
 */
export function isSafe(value: unknown): boolean {
  return value instanceof String && prototypes.has(Object.getPrototypeOf(value));
}
