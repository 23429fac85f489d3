import type { RunRecord } from "./checker.js";

/** The effect of a fault on a run. */
export interface Outcome {
  readonly run: RunRecord;
  /** The number of faults. */
  readonly faults: number;
  /** Broken promises that the record does not show. */
  readonly complaints?: readonly string[];
}

/**
 * Runs nodes, and lets a fault happen to them.
 *
 * @param rounds - The number of times.
 */
export type Fault = (rounds: number) => Promise<Outcome>;
