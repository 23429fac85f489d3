import type { StoredUpdate } from "../transport.js";

/**
 * Called with each update that leaves a history or never enters it.
 *
 * @param isLoss - Whether readers that have not seen the update miss it. It is not a loss if it was published with
 * `keep: false`, if a newer update of its key has replaced it, or if it is an expired order.
 */
export type OnDrop = (dropped: StoredUpdate, isLoss: boolean) => void;
