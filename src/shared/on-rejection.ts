import { types } from "node:util";

/**
 * Handles the rejection of a promise that an application's function returned where the library expects none. An unhandled
 * rejection ends the process.
 *
 * @param handle - Receives the reason. By default nothing happens, for callers that report the promise itself as a
 * mistake.
 */
export function onRejection(returned: unknown, handle: (reason: unknown) => void = () => {}): void {
  if (types.isPromise(returned)) returned.catch(handle);
}
