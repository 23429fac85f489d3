import type { IncomingMessage, ServerResponse } from "node:http";

/** The headers that pages of other origins can read: cursors, intervals, token errors, retry delays, links and ETags. */
const exposed = "Last-Event-ID, Mercure-Last-Event-ID, Mercure-Keep-Alive, WWW-Authenticate, Retry-After, Link, ETag";
const methods = "GET, HEAD, QUERY, POST";
const requestHeaders = "Authorization, Last-Event-ID, Content-Type, Cache-Control, If-None-Match";
/** The cache time of preflight answers, in seconds. It is the max that Chromium honours. */
const preflightAge = "7200";

/**
 * Lets pages of other origins use the hub. Fetch standard, "CORS protocol".
 *
 * Listed origins can send their visitors' cookies. `*` admits all other origins without cookies.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** @param origins - An empty list disables CORS headers, and leaves them to the application. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Adds the CORS headers to any answer. */
  apply(req: IncomingMessage, res: ServerResponse): void {
    if (this.#origins.size === 0) return;
    // The header is unconditional: a cache could otherwise serve one origin's answer to another.
    vary(res, "Origin");
    const { origin } = req.headers;
    // A client can send the wildcard as its origin too.
    if (origin !== undefined && origin !== "*" && this.#origins.has(origin)) {
      res.setHeader("Access-Control-Allow-Origin", origin);
      res.setHeader("Access-Control-Allow-Credentials", "true");
    } else if (this.#origins.has("*")) {
      res.setHeader("Access-Control-Allow-Origin", "*");
    } else return;
    res.setHeader("Access-Control-Expose-Headers", exposed);
  }

  /** Answers preflight requests. Returns whether this request was one. */
  answerPreflight(req: IncomingMessage, res: ServerResponse): boolean {
    if (this.#origins.size === 0 || req.method !== "OPTIONS") return false;
    if (req.headers["access-control-request-method"] === undefined) return false;
    if (res.hasHeader("Access-Control-Allow-Origin")) {
      res.setHeader("Access-Control-Allow-Methods", methods);
      res.setHeader("Access-Control-Allow-Headers", requestHeaders);
      res.setHeader("Access-Control-Max-Age", preflightAge);
    }
    res.writeHead(204).end();
    return true;
  }
}

function vary(res: ServerResponse, name: string): void {
  const known = [res.getHeader("Vary") ?? []].flat().join(", ");
  if (!new RegExp(`(^|[, ])${name}([, ]|$)`, "i").test(known))
    res.setHeader("Vary", known ? `${known}, ${name}` : name);
}
