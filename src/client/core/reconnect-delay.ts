/** The base delay before a reconnection, in milliseconds, until the server sends `retry`. */
export const defaultRetry = 500;
const maxBackoff = 30_000;
/** The max delay of a timer, in milliseconds. A longer one would fire at once. */
const maxWait = 2 ** 31 - 1;

/**
 * Returns the delay before the next attempt, in milliseconds. The delay doubles with each failure, from `retry` up to
 * half a minute. Jitter of up to half spreads the reconnections to a restarted server. The server's `retry` and
 * `Retry-After` are the min.
 */
export function reconnectDelay(retry: number, failures: number, retryAfter: number): number {
  const ceiling = Math.min(maxBackoff, retry * 2 ** (failures + 1));
  const spread = ceiling * (0.5 + Math.random() / 2);
  return Math.min(maxWait, Math.max(spread, retry, retryAfter));
}

/**
 * Parses a `Retry-After` header, in seconds or as a date, to milliseconds from now. A missing or invalid one gives 0.
 */
export function parseRetryAfter(header: string | null, now: number): number {
  if (header === null) return 0;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Math.max(0, milliseconds || 0);
}
