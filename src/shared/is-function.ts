/** Returns whether a value is a function to call. A class does not count, because it names a topic. */
// biome-ignore lint/suspicious/noExplicitAny: only its author knows the parameters
export function isFunction(value: unknown): value is (...args: any[]) => unknown {
  return typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value));
}
