import type { IncomingMessage, ServerResponse } from "node:http";

/** What pages of other origins may read of the answers: the cursors, why a token did not do, when to come again. */
const exposed = "Last-Event-ID, Mercure-Last-Event-ID, WWW-Authenticate, Retry-After, Link, ETag";
const methods = "GET, HEAD, QUERY, POST";
const requestHeaders = "Authorization, Last-Event-ID, Content-Type, Cache-Control, If-None-Match";
/** How long a browser may remember the answer to a preflight, in seconds; none remembers it for longer than this. */
const preflightAge = "7200";

/**
 * Lets pages of other origins use the hub. Fetch standard, "CORS protocol".
 *
 * Only origins that are listed may send their visitors' cookies along; `*` lets in all others without.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** @param origins - None, and the hub says nothing of other origins; perhaps the application does. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Adds to an answer, whatever it will be, who may read it. */
  apply(req: IncomingMessage, res: ServerResponse): void {
    if (this.#origins.size === 0) return;
    // Whoever asks: a cache would otherwise give one origin's answer to another.
    vary(res, "Origin");
    const { origin } = req.headers;
    // Not the wildcard, which a client may send as its origin too.
    if (origin !== undefined && origin !== "*" && this.#origins.has(origin)) {
      res.setHeader("Access-Control-Allow-Origin", origin);
      res.setHeader("Access-Control-Allow-Credentials", "true");
    } else if (this.#origins.has("*")) {
      res.setHeader("Access-Control-Allow-Origin", "*");
    } else return;
    res.setHeader("Access-Control-Expose-Headers", exposed);
  }

  /** Answers a browser that asks beforehand; returns whether this request was one. */
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
