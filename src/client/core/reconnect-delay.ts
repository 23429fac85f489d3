/** How long a stream waits before its first attempt to reconnect, until the server says otherwise by `retry`. */
export const defaultRetry = 500;
const longestBackoff = 30_000;
/** What a timer can hold; a longer wait would fire at once. */
const longestWait = 2 ** 31 - 1;

/**
 * Doubles with each failure, from `retry` up to half a minute, and is spread by up to half, so that the readers of a
 * restarted server do not all come back in the same moment. Never less than what the server asked for.
 */
export function reconnectDelay(retry: number, failures: number, retryAfter: number): number {
  const ceiling = Math.min(longestBackoff, retry * 2 ** (failures + 1));
  const spread = ceiling * (0.5 + Math.random() / 2);
  return Math.min(longestWait, Math.max(spread, retry, retryAfter));
}

/** A `Retry-After` header, seconds or a date, in milliseconds from now; 0 for none or nonsense. */
export function parseRetryAfter(header: string | null, now: number): number {
  if (header === null) return 0;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Math.max(0, milliseconds || 0);
}
