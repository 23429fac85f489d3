import { closeEvent } from "../event-types.js";
import { encodeEvent } from "./event-encoder.js";

/**
 * Why a stream has ended, the event's data. `expired`: its token does no longer, or is missing; with a new one it may go
 * on. `forbidden`: the application does not let it be opened. `disconnected`: the application has ended it.
 */
export type CloseReason = "expired" | "forbidden" | "disconnected";

/** The event's text. It has no id, so that whoever comes back with a new token goes on from where they were. */
export function encodeClose(reason: CloseReason): string {
  return encodeEvent({ type: closeEvent, data: reason });
}
