import type { Matcher, MatcherList } from "./matcher.js";

/**
 * The memory of a topic or pattern besides its text, in bytes. All streams with the same one share it (measured,
 * rounded up).
 */
const bytesPerMatcher = 1400;

/** The memory that each further stream adds for each of its topics and patterns, in bytes (measured, rounded up). */
const bytesPerSubscription = 160;

/**
 * The uncounted part of a stream's topics, in bytes: two topics of usual length. A stream with few topics thus has room
 * even when other streams have used up the limit.
 */
const usualMatchers = 4096;

/** The memory of a compiled pattern, and of each instruction of its automaton, in bytes (measured, rounded up). */
const bytesPerPattern = 4096;
const bytesPerInstruction = 1024;

/**
 * Estimates the memory for the texts of topics and patterns while a stream uses them, in bytes. The estimate is an
 * upper bound: a text is stored in three places, with up to two bytes a character, and in one percent-encoded.
 */
function bytesOfMatchers({ all }: MatcherList): number {
  let bytes = 0;
  for (const { pattern } of all) bytes += bytesPerMatcher + 4 * (Buffer.byteLength(pattern) + pattern.length);
  return bytes;
}

/** Returns the part of {@link bytesOfMatchers} above the usual amount. */
export function excessOfMatchers(...lists: readonly MatcherList[]): number {
  const bytes = lists.reduce((sum, list) => sum + bytesOfMatchers(list), 0);
  return Math.max(0, bytes - usualMatchers);
}

/** Estimates the memory of a stream's matchers when other streams already have the same ones, in bytes. */
export function bytesOfSubscriptions({ all }: MatcherList): number {
  return bytesPerSubscription * all.length;
}

/** Estimates the memory of a compiled pattern, in bytes. Names and the wildcard are not compiled and count 0. */
export function bytesOfPattern({ cost }: Matcher): number {
  return cost === 0 ? 0 : bytesPerPattern + bytesPerInstruction * cost;
}

/** Estimates the memory of everything that one stream subscribes to, in bytes. */
export function bytesOfRequest(matchers: MatcherList): number {
  const patterns = matchers.patterns.reduce((sum, pattern) => sum + bytesOfPattern(pattern), 0);
  return bytesOfMatchers(matchers) + bytesOfSubscriptions(matchers) + patterns;
}
