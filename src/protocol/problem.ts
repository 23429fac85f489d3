import { MercureError } from "../shared/errors.js";

/** The reason phrases of the hub's error statuses. RFC 9110, section 15; RFC 6585, section 4 for 429. */
const titles = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

export type ProblemStatus = keyof typeof titles;

/** The reason for rejecting a token or its presentation. RFC 6750, section 3.1. */
export type TokenError = "invalid_request" | "invalid_token" | "insufficient_scope";

/** The challenge of a response. A request without credentials gets no error code. RFC 6750, section 3. */
export interface Challenge {
  readonly error?: TokenError;
}

/**
 * A rejection of a request. Code inside the hub throws it, and the hub's request handler sends it as a response; it
 * never leaves the hub as an exception.
 */
export class HttpProblem extends Error {
  readonly status: ProblemStatus;
  readonly headers: Readonly<Record<string, string>>;
  readonly challenge: Challenge | undefined;

  /**
   * @param detail - The message for the client: what was wrong, and what would be right.
   * @param cause - The hub's own failure. The hub reports it; the client does not see it.
   */
  constructor(
    status: ProblemStatus,
    detail: string,
    headers: Readonly<Record<string, string>> = {},
    cause?: unknown,
    challenge?: Challenge,
  ) {
    super(detail, cause === undefined ? undefined : { cause });
    this.status = status;
    this.headers = headers;
    this.challenge = challenge;
  }
}

/** Rejects a request without credentials. The challenge has no error code, as RFC 6750, section 3.1 demands. */
export function tokenMissing(): HttpProblem {
  return new HttpProblem(401, "A token is required.", {}, undefined, {});
}

/** Rejects a request while the hub's store is not available. The client can repeat it soon. */
export function storeUnavailable(cause?: unknown): HttpProblem {
  return new HttpProblem(503, "The hub's store is temporarily unavailable.", { "Retry-After": "2" }, cause);
}

/** Rejects a connection above the hub's limit, either the total or the limit for one client. */
export function tooManyConnections(detail: string): HttpProblem {
  return new HttpProblem(429, detail, { "Retry-After": "10" });
}

/** Rejects a token, or its presentation, with an error code. The detail must not help a forger. */
export function tokenRefused(error: TokenError, detail: string): HttpProblem {
  const status = { invalid_request: 400, invalid_token: 401, insufficient_scope: 403 } as const;
  return new HttpProblem(status[error], detail, {}, undefined, { error });
}

/**
 * Rejects the method of a request.
 *
 * @param allowed - The allowed methods, for the required header `Allow`. RFC 9110, section 15.5.6.
 */
export function methodNotAllowed(allowed: string, why = "Method not allowed."): HttpProblem {
  return new HttpProblem(405, `${why} Allowed: ${allowed}.`, { Allow: allowed });
}

/** An error response: a problem document of RFC 9457. */
export interface Problem {
  readonly status: ProblemStatus;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Returns the response to any failure. An error that was not written for clients becomes a 500 without details.
 *
 * @param resourceMetadata - The URL where clients can read which tokens are valid. Every challenge contains it. RFC
 * 9728, section 5.1.
 */
export function problemOf(error: unknown, resourceMetadata?: string): Problem {
  const { status, headers, message, challenge } = refusalOf(error);
  const document = { type: "about:blank", title: titles[status], status, detail: message };
  return {
    status,
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      ...(challenge && { "WWW-Authenticate": challengeText(challenge, resourceMetadata) }),
      ...headers,
    },
    body: JSON.stringify(document),
  };
}

function challengeText({ error }: Challenge, resourceMetadata: string | undefined): string {
  const parameters = { realm: "mercure", error, resource_metadata: resourceMetadata };
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return `Bearer ${given.map(([name, value]) => `${name}="${value}"`).join(", ")}`;
}

/**
 * Returns the client's view of any failure. An error that was not written for clients becomes a 500 without details.
 */
export function refusalOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof MercureError) {
    if (error.code === "ERR_TOPIC" || error.code === "ERR_UPDATE") return new HttpProblem(400, error.message);
    // Without `Connection: close`, browsers would reuse the socket and keep the server open.
    if (error.code === "ERR_CLOSED") {
      return new HttpProblem(503, "The hub is shutting down.", { "Retry-After": "1", Connection: "close" });
    }
    if (error.code === "ERR_TRANSPORT") return storeUnavailable(error);
  }
  return new HttpProblem(500, "The hub failed to handle the request.");
}
