import { MercureError } from "../shared/errors.js";

/** Returns the error for calls after the library was closed. */
export function closedError(): MercureError {
  return new MercureError("ERR_CLOSED", "htmx-mercure is closed.");
}
