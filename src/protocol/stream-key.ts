/**
 * The parameter of the library's own hub with a random name of a stream. The next connection of a stream has the same
 * name, and takes the place of the previous one.
 */
export const streamKeyParameter = "stream";

/** Returns the name of a stream if the library's script has made it. Another program can use the parameter for itself. */
export function streamKeyIn(parameters: URLSearchParams): string | undefined {
  const key = parameters.get(streamKeyParameter);
  return key !== null && /^[\da-f]{32}$/.test(key) ? key : undefined;
}
