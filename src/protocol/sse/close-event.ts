import { closeEvent } from "../event-types.js";
import { encodeEvent } from "./event-encoder.js";

/**
 * The reason for the end of a stream, as the event's data. `expired`: the token is invalid or missing; the client can
 * resume with a new token. `forbidden`: the application does not allow the stream. `disconnected`: the application
 * ended it.
 */
export type CloseReason = "expired" | "forbidden" | "disconnected";

/** Returns the event's text. The event has no id, so a client with a new token resumes at its previous position. */
export function encodeClose(reason: CloseReason): string {
  return encodeEvent({ type: closeEvent, data: reason });
}
