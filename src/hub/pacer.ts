import type { Pace } from "../protocol/matching/work.js";

/** The number of steps before the event loop gets a turn. At worst they take milliseconds. */
export const stepsPerTurn = 25_000;

/**
 * Returns a pace that yields to the event loop between chunks of bounded work. It counts steps and reads no clock,
 * so the same work always has the same chunks.
 */
export function newPace(nextTurn: () => Promise<void> = turn): Pace {
  let left = stepsPerTurn;
  return (steps) => {
    left -= steps;
    if (left > 0) return undefined;
    left = stepsPerTurn;
    return nextTurn();
  };
}

/**
 * Returns a pace with a bound.
 *
 * @param maxSteps - The max work in all, in steps.
 * @param refusal - Makes the error that the pace throws above it.
 */
export function boundedPace(maxSteps: number, refusal: () => Error, pace = newPace()): Pace {
  let left = maxSteps;
  return (steps) => {
    left -= steps;
    if (left < 0) throw refusal();
    return pace(steps);
  };
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
