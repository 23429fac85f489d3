import type { StoredUpdate } from "../transport.js";

/**
 * Called with each update that leaves a history or never enters it.
 *
 * @param isLoss - Whether readers that have not seen the update miss it. It is false for an update with `keep: false`,
 * an update that a newer one of its key has replaced, and an expired control message.
 */
export type OnDrop = (dropped: StoredUpdate, isLoss: boolean) => void;
