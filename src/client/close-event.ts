import type { closeEvent as closeEventOfHub } from "../protocol/close-event.js";

/** The type of the event by which the hub ends a stream for good; its data says why. */
export const closeEvent: typeof closeEventOfHub = "mercure:close";
