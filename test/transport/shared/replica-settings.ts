import type { Clock } from "../../../src/shared/clock.js";
import type { ReplicaSettings } from "../../../src/transport/shared/replica-options.js";

/** The settings of a replica, with times that suit a manual clock and no logs. */
export function replicaSettings(clock: Clock, fields: Partial<ReplicaSettings> = {}): ReplicaSettings {
  return {
    limits: { lengthOf: () => 500, bytes: 2 ** 26, eventBytes: 2 ** 22 },
    publishTimeout: 10_000,
    lease: 15_000,
    callTimeout: 5000,
    grace: 1000,
    keepAlive: false,
    clock,
    logger: { warn: () => {}, error: () => {} },
    store: "The log",
    ...fields,
  };
}
