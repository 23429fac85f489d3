/** The max step backwards of the system clock that is ignored, in milliseconds. A larger step is followed. */
const tolerance = 1000;

let last = 0;

/**
 * Returns the time in milliseconds since 1970. Each result is later than all earlier ones in this process, by fractions
 * of a millisecond if necessary, so the order of two events is always known. For example, a user who signs out and in
 * again immediately gets a token that is younger than the message that revokes the older ones.
 */
export function distinctTime(now = Date.now()): number {
  // A number of seconds since 1970 has room for microseconds.
  last = now > last || last - now > tolerance ? now : last + 0.001;
  return last;
}
