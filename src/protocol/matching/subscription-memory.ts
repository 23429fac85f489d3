import type { Matcher, MatcherList } from "./matcher.js";

/** What a topic or pattern takes besides its text, for all streams that ask for the same (measured, rounded up). */
const bytesPerMatcher = 1400;

/** What each further stream adds for each of its topics and patterns (measured, rounded up). */
const bytesPerSubscription = 160;

/**
 * The part of a stream's topics that is not counted, in bytes: two topics of usual length. So a stream that asks for
 * little has room when others have taken all that there is to take.
 */
const usualMatchers = 4096;

/** What a compiled pattern takes, and what each instruction of its automaton takes besides (measured, rounded up). */
const bytesPerPattern = 4096;
const bytesPerInstruction = 1024;

/**
 * Estimates the memory that texts of topics and patterns take as long as a stream asks for them, in bytes. It is an
 * upper bound: a text stands in three places, where it may have two bytes a character, and in one percent-encoded.
 */
export function bytesOfMatchers({ all }: MatcherList): number {
  let bytes = 0;
  for (const { pattern } of all) bytes += bytesPerMatcher + 4 * (Buffer.byteLength(pattern) + pattern.length);
  return bytes;
}

/** The part of {@link bytesOfMatchers} that is more than usual. */
export function excessOfMatchers(...lists: readonly MatcherList[]): number {
  const bytes = lists.reduce((sum, list) => sum + bytesOfMatchers(list), 0);
  return Math.max(0, bytes - usualMatchers);
}

/** Estimates what a stream takes for its matchers when others have the same already, in bytes. */
export function bytesOfSubscriptions({ all }: MatcherList): number {
  return bytesPerSubscription * all.length;
}

/** Estimates what a compiled pattern takes, in bytes; 0 for a name and for the wildcard, which are not compiled. */
export function bytesOfPattern({ cost }: Matcher): number {
  return cost === 0 ? 0 : bytesPerPattern + bytesPerInstruction * cost;
}

/** Estimates what one stream takes for everything that it asks for, in bytes. */
export function bytesOfRequest(matchers: MatcherList): number {
  const patterns = matchers.patterns.reduce((sum, pattern) => sum + bytesOfPattern(pattern), 0);
  return bytesOfMatchers(matchers) + bytesOfSubscriptions(matchers) + patterns;
}
