import { types } from "node:util";

/**
 * Handles the rejection of what an application's function returned where a promise has no meaning. A rejection that
 * nobody handles ends the process.
 *
 * @param handle - Gets the reason. Default: nothing happens, as where the promise itself is reported as a mistake.
 */
export function onRejection(returned: unknown, handle: (reason: unknown) => void = () => {}): void {
  if (types.isPromise(returned)) returned.catch(handle);
}
