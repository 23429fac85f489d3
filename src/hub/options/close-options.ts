import { assertKnownOptions } from "../../shared/known-options.js";
import { OptionReader } from "../../shared/option-reader.js";

/** Options of `hub.close` and `kit.close`. */
export interface CloseOptions {
  /**
   * The max time, in seconds, to hand the streams over to other processes with the same history. The hub ends them one
   * after the other, and continues to publish. Streams end at once if no other process takes them. Max 3600. Default 0:
   * streams end at once.
   */
  readonly drainTimeout?: number | undefined;
  /**
   * The max random reconnection delay of streams that end at once, in seconds. Each client waits one second and a
   * random part of it. Max 86400. Default: the hub sends no delay.
   */
  readonly retrySpread?: number | undefined;
}

const names: readonly (keyof CloseOptions)[] = ["drainTimeout", "retrySpread"];

/** @throws MercureError `ERR_OPTION` for an unknown or invalid option. */
export function readCloseOptions(options: CloseOptions) {
  assertKnownOptions(options, names, "hub.close");
  const read = new OptionReader(options, "", {});
  return {
    drainTimeout: read.number("drainTimeout", { min: 0, max: 3600 }) ?? 0,
    retrySpread: read.number("retrySpread", { min: 0, max: 86_400 }),
  };
}
