/** Failures to connect: nothing of the request has left, so nobody can have taken it. */
const unsentCodes = new Set(["ECONNREFUSED", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

/** Failures of a connection that was there: the request may have been received. */
const brokenCodes = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** Why `fetch` threw. */
export interface ConnectionFailure {
  readonly reason: string;
  /** Whether the request cannot have been received. */
  readonly isUnsent: boolean;
  /** Whether it may have been. Neither is the case where it never will be, as for a name that does not exist. */
  readonly isUnanswered: boolean;
}

export function connectionFailure(error: unknown): ConnectionFailure {
  const { name, message, cause } = error as Error;
  const { code = "", message: inner = "" } = (cause ?? {}) as { code?: string; message?: string };
  // When a name has several addresses, what failed has a code and no message.
  return {
    reason: inner || code || message,
    isUnsent: unsentCodes.has(code),
    isUnanswered: brokenCodes.has(code) || name === "TimeoutError",
  };
}

/** How long a response asks to wait before the next request, in milliseconds; 0 when it does not say. */
export function retryAfterOf({ headers }: Response): number {
  const header = headers.get("Retry-After")?.trim() ?? "";
  const delay = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Math.max(0, delay || 0);
}

/**
 * The body of a response as text; undefined when it is longer than so many bytes, and then the rest is not read:
 * whatever else answers in the place of a hub could send until the memory is full.
 */
export async function boundedText({ body }: Response, limit: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    // Leaving the loop cancels the body.
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
