/**
 * Returns whether the library knew the person when the request that made the key began. A bit of the random half
 * holds the answer.
 */
export function isOfSeenSession(key: string): boolean {
  return ((Buffer.from(key, "base64url")[0] ?? 0) & 1) === 1;
}

/** Sets that bit in the random half of a new key. */
export function withMark(random: Buffer, isOfSeenSession: boolean): Buffer {
  random[0] = (random[0]! & ~1) | Number(isOfSeenSession);
  return random;
}
