import { MercureError } from "../shared/errors.js";

/** Reason phrases of the statuses with which a hub refuses. RFC 9110, section 15; RFC 6585, section 4 for 429. */
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

/** Why a token, or the way in which it is presented, does not do. RFC 6750, section 3.1. */
export type TokenError = "invalid_request" | "invalid_token" | "insufficient_scope";

/** What the answer asks for; the error is left out when nobody has said who is asking. RFC 6750, section 3. */
export interface Challenge {
  readonly error?: TokenError;
}

/** What a hub says instead of doing what was asked. Thrown inside the hub, answered at its door, never seen outside. */
export class Refusal extends Error {
  readonly status: ProblemStatus;
  readonly headers: Readonly<Record<string, string>>;
  readonly challenge: Challenge | undefined;

  /**
   * @param detail - Written for the client: what was wrong, and what would be right.
   * @param cause - A failure of the hub's own, which it reports and the client does not see.
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

/** Nobody has said who is asking; no error code, as RFC 6750, section 3.1 demands. */
export function tokenMissing(): Refusal {
  return new Refusal(401, "This needs a token.", {}, undefined, {});
}

/** There are more connections than the hub allows, to anybody or to whoever asks. */
export function tooManyConnections(detail: string): Refusal {
  return new Refusal(429, detail, { "Retry-After": "10" });
}

/** A token was presented that does not do. The answer is the same whatever is wrong with it, so as to help no forger. */
export function tokenRefused(error: TokenError, detail: string): Refusal {
  const status = { invalid_request: 400, invalid_token: 401, insufficient_scope: 403 } as const;
  return new Refusal(status[error], detail, {}, undefined, { error });
}

/** @param allowed - The methods that would do, for the header that such an answer must have. RFC 9110, 15.5.6. */
export function methodNotAllowed(allowed: string, why = "This method means nothing here."): Refusal {
  return new Refusal(405, `${why} Allowed: ${allowed}.`, { Allow: allowed });
}

/** An answer that refuses: a problem document of RFC 9457. */
export interface Problem {
  readonly status: ProblemStatus;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The answer to any failure. What was not written for clients becomes a 500 that says nothing.
 *
 * @param resourceMetadata - Where clients can read which tokens would do; part of every challenge. RFC 9728, section 5.1.
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

/** What a client is told of any failure: a 500 that says nothing, where it was not written for clients. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof MercureError) {
    if (error.code === "ERR_TOPIC" || error.code === "ERR_UPDATE") return new Refusal(400, error.message);
    // Without `Connection: close` browsers would come back over the same socket, and hold the server open with it.
    if (error.code === "ERR_CLOSED") {
      return new Refusal(503, "The hub is shutting down.", { "Retry-After": "1", Connection: "close" });
    }
  }
  return new Refusal(500, "The hub failed to do this.");
}
