import type { Pace } from "../protocol/matching/work.js";

/** How many steps are taken before others have a turn: some milliseconds at worst. */
export const stepsPerTurn = 25_000;

/**
 * Returns a pace that gives the event loop to others between stretches of bounded work. It counts steps and looks at no
 * clock, so that the same work always makes the same stretches.
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

/** Resolves when the event loop has been round. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
