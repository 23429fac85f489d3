/** How far the clock may have been set back and still be followed, in milliseconds. */
const tolerance = 1000;

let last = 0;

/**
 * The time in milliseconds since 1970, later than any that this process got here before, by fractions of a millisecond
 * if need be. So of two things in one process it is always known which came first: whoever signs out and in again at
 * once has a token that is younger than the order to refuse the older ones.
 */
export function distinctTime(now = Date.now()): number {
  // Microseconds are what a number of seconds since 1970 can hold.
  last = now > last || last - now > tolerance ? now : last + 0.001;
  return last;
}
