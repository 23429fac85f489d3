import { type Clock, systemClock } from "../../shared/clock.js";
import { guardedLogger, type Logger } from "../../shared/logger.js";
import type { OptionReader } from "../../shared/option-reader.js";
import { type HistoryLimits, type HistoryOptions, readHistoryLimits } from "../history/history-options.js";

/** The options of every transport with a store that nodes share. */
export interface ReplicaOptions extends HistoryOptions {
  /**
   * The max time that a publish waits for the store to confirm the update, in seconds. Then it fails with
   * `ERR_TRANSPORT`. Default 10.
   */
  readonly publishTimeout?: number | undefined;
  /**
   * The time without contact to the store until the other nodes regard a node as dead, in seconds. They detect it
   * within a tenth of this time. Default 15.
   */
  readonly nodeTimeout?: number | undefined;
  /** Receives one line when the store becomes unreachable, and one when it is reachable again. Default `console`. */
  readonly logger?: Logger | undefined;
}

/** The settings of a replica. */
export interface ReplicaSettings {
  readonly limits: HistoryLimits;
  /** The max time of a publish, in milliseconds. */
  readonly publishTimeout: number;
  /** See `lease` in `Member`. */
  readonly lease: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The max time of each call to the log, in milliseconds. */
  readonly callTimeout: number;
  /** The min age of a record that is deleted from the log, in milliseconds. */
  readonly grace: number;
  /** Whether the transport keeps the process alive until it is closed, even while it cannot reach the store. */
  readonly keepAlive: boolean;
  /** The name of the store in messages, such as "Redis". */
  readonly store: string;
}

/**
 * Reads the options of a replica.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function readReplicaSettings(read: OptionReader, store: string): ReplicaSettings {
  return {
    limits: readHistoryLimits(read),
    publishTimeout: 1000 * (read.number("publishTimeout", { min: 1, max: 600 }) ?? 10),
    lease: 1000 * (read.number("nodeTimeout", { min: 1, max: 600 }) ?? 15),
    logger: guardedLogger((read.object("logger") as Logger | undefined) ?? console),
    clock: systemClock,
    callTimeout: 5000,
    grace: 5000,
    keepAlive: true,
    store,
  };
}
