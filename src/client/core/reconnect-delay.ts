/** The base of the delay, in milliseconds. */
const baseDelay = 500;
/**
 * The max delay while a server is down, in milliseconds: a visible page is up to date five seconds after the server's
 * return.
 */
const maxOutageDelay = 4_000;
/** The max delay in a long outage, in a hidden page, and after answers that no hub sends, in milliseconds. */
const maxDelay = 30_000;
/** The max delay of a timer, in milliseconds. A longer one would fire at once. */
const maxTimer = 2 ** 31 - 1;

export interface FailedAttempts {
  /** The reconnection time that the server has sent as `retry`, in milliseconds: the min delay. Default 0. */
  readonly retry?: number;
  /** The server's `Retry-After`, in milliseconds: the min delay. */
  readonly retryAfter: number;
  /** The number of consecutive failures before the last one. */
  readonly before: number;
  /** The time since the first of these failures, in milliseconds. */
  readonly since: number;
  /** Whether the server is down and will return, and the page is visible. */
  readonly isUrgent: boolean;
}

/**
 * Returns the delay before the next attempt, in milliseconds: exponential backoff with full jitter, so that the clients
 * of a restarted server spread. An urgent attempt comes within four seconds, or a fifteenth of a longer outage.
 */
export function reconnectDelay({ retry = 0, retryAfter, before, since, isUrgent }: FailedAttempts): number {
  const max = isUrgent ? Math.min(maxDelay, Math.max(maxOutageDelay, since / 15)) : maxDelay;
  const base = Math.max(baseDelay, retry);
  // A series of short random delays must not make the next one longer than the outage so far.
  const spread = Math.random() * Math.min(max, base * 2 ** (before + 1), Math.max(base * 2, since + base));
  return Math.min(maxTimer, Math.max(retry + spread, retryAfter));
}

/**
 * Parses a `Retry-After` header, in seconds or as a date, to milliseconds from now. A missing or invalid one gives 0.
 */
export function parseRetryAfter(header: string | null, now: number): number {
  const text = header ?? "";
  const milliseconds = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Math.max(0, milliseconds || 0);
}
