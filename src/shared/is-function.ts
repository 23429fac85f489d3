/** Returns whether a value is a function to call. A class does not count, because it names a topic. */
export function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value));
}
