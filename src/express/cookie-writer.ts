import type { CookieOptions, Request, Response } from "express";
import { MercureError } from "../shared/errors.js";
import { keepOutOfCaches } from "./caches.js";

/** The max length of name and value together. Browsers ignore a longer cookie silently. RFC 6265bis, section 5.6. */
const maxCookieLength = 4096;

export interface CookieWriterOptions {
  readonly domain: string | undefined;
  warn(message: string): void;
}

/** Writes and deletes cookies that hold tokens or keys. */
export class CookieWriter {
  readonly #options: CookieWriterOptions;
  #warned = false;

  constructor(options: CookieWriterOptions) {
    this.#options = options;
  }

  set(res: Response, name: string, value: string, path: string, options: CookieOptions = {}): void {
    refuseBegun(res, "A stream's token needs a cookie", "Render the stream");
    if (name.length + value.length > maxCookieLength) {
      throw new MercureError(
        "ERR_TOKEN",
        `A stream's token has ${value.length} characters, too many for a browser's cookie: stream fewer topics ` +
          'at once, return a shorter payload from payloadGetter, or set tokenMode to "url".',
      );
    }
    if (!res.req.secure) this.#warnOnce();
    this.drop(res, name);
    // A shared cache would give the token to other visitors.
    keepOutOfCaches(res);
    res.cookie(name, value, { ...this.#attributes(res.req, name, path), ...options });
  }

  /**
   * Cookie attributes without an expiry: with an expired token the hub can answer `expired`; with no cookie it cannot.
   */
  #attributes(req: Request, name: string, path: string): CookieOptions {
    const { domain } = this.#options;
    const isHostOnly = name.startsWith("__Host-");
    return {
      httpOnly: true,
      sameSite: "strict",
      secure: req.secure,
      path: isHostOnly ? "/" : path,
      ...(domain !== undefined && { domain }),
    };
  }

  delete(res: Response, name: string, path: string): void {
    refuseBegun(res, "A stream's cookie must be deleted", "Call sse.deleteAuthzCookie");
    this.drop(res, name);
    res.clearCookie(name, this.#attributes(res.req, name, path));
  }

  /** Removes an earlier `Set-Cookie` of this name, so that a response sets a cookie once. */
  drop(res: Response, name: string): void {
    const set = [res.getHeader("Set-Cookie") ?? []].flat().map(String);
    const others = set.filter((cookie) => !cookie.startsWith(`${name}=`));
    if (others.length === set.length) return;
    if (others.length === 0) res.removeHeader("Set-Cookie");
    else res.setHeader("Set-Cookie", others);
  }

  #warnOnce(): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#options.warn(
      "htmx-mercure: a stream's token was sent in a cookie without Secure, because the request used plain HTTP. " +
        'Use HTTPS; behind an HTTPS proxy, set Express\'s "trust proxy".',
    );
  }
}

function refuseBegun({ headersSent }: Response, need: string, hint: string): void {
  if (!headersSent) return;
  throw new MercureError(
    "ERR_TOKEN",
    `${need}, but the response has already begun. ${hint} before the response begins.`,
  );
}
