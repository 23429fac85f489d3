import { isDeepStrictEqual } from "node:util";

/** Which payloads count: those that have all of these properties, deeply equal, or those that the function accepts. */
export type PayloadFilter = Readonly<Record<string, unknown>> | ((payload: unknown) => boolean);

/** Whether a payload counts. */
export function passes(payload: unknown, filter: PayloadFilter = {}): boolean {
  if (typeof filter === "function") return filter(payload);
  const wanted = Object.entries(filter);
  if (wanted.length === 0) return true;
  if (typeof payload !== "object" || payload === null) return false;
  return wanted.every(([name, value]) => {
    return Object.hasOwn(payload, name) && isDeepStrictEqual((payload as Record<string, unknown>)[name], value);
  });
}
