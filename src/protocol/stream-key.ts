/**
 * The parameter of the library's own hub with a random name of a stream. The next connection of a stream has the same
 * name, and takes the place of the previous one.
 */
export const streamKeyParameter = "stream";

/** Returns the name of a stream if the library's script has made it. Another program can use the parameter for itself. */
export function streamKeyIn(parameters: URLSearchParams): { readonly key: string | undefined; readonly turn: number } {
  const [, key, turn] = /^([\da-f]{32})(?:\.(\d{1,9}))?$/.exec(parameters.get(streamKeyParameter) ?? "") ?? [];
  return { key, turn: Number(turn ?? 0) };
}
