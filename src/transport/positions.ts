/** The time of position 0, in milliseconds since 1970: the beginning of 2024. */
const epoch = Date.UTC(2024, 0, 1);

/** The number of positions in a millisecond. */
const perMillisecond = 2048;

/**
 * Returns the position after the last one. Within a millisecond, or when the clock is behind, positions follow each other
 * directly.
 *
 * @param last - The last position; 0 before the first.
 * @param now - The time by the store's clock, in milliseconds since 1970. Shared stores compute the same by their own
 * clock, under their own lock.
 */
export function nextPosition(last: number, now: number): number {
  // Positions that derive from the time never repeat, even after a crash that lost the last one or a restored backup.
  return Math.max(last + 1, Math.floor((now - epoch) * perMillisecond));
}

/** Returns the time of a position, in milliseconds since 1970, with fractions. */
export function timeOfPosition(position: number): number {
  return epoch + position / perMillisecond;
}
