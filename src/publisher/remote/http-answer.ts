/** Error codes of failures to connect. The request was not sent, so no server has received it. */
const unsentCodes = new Set(["ECONNREFUSED", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

/** Error codes of broken connections. The server may have received the request. */
const brokenCodes = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** The reason why `fetch` threw. */
export interface ConnectionFailure {
  readonly reason: string;
  /** Whether the request was certainly not received. */
  readonly notSent: boolean;
  /**
   * Whether the request may have been received. Both are false for permanent failures, such as a host name that does
   * not exist.
   */
  readonly maybeReceived: boolean;
}

export function connectionFailure(error: unknown): ConnectionFailure {
  const { name, message, cause } = error as Error;
  const { code = "", message: inner = "" } = (cause ?? {}) as { code?: string; message?: string };
  // If a host name has several addresses, the error has a code and no message.
  return {
    reason: inner || code || message,
    notSent: unsentCodes.has(code),
    maybeReceived: brokenCodes.has(code) || name === "TimeoutError",
  };
}

/** Returns the wait that a response's `Retry-After` asks for, in milliseconds. Returns 0 without the header. */
export function retryAfterOf({ headers }: Response): number {
  const header = headers.get("Retry-After")?.trim() ?? "";
  const delay = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Math.max(0, delay || 0);
}

/**
 * Returns the body of a response as text. Stops reading and returns undefined if the body is longer than `limit` bytes:
 * another server at the hub's URL could otherwise fill the memory.
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
