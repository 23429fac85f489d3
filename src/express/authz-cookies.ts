import { createHash, randomBytes } from "node:crypto";
import type { CookieOptions, Request, Response } from "express";
import { MercureError } from "../errors.js";
import { cookiesOf } from "../hub/request.js";
import type { Selector } from "../protocol/active-subscription.js";
import {
  grantCookieName,
  grantOf,
  insecureName,
  keyCookie,
  keyCookieNames,
  secureName,
} from "../protocol/authz-cookies.js";
import type { CookieTokenSigner } from "../publisher/page.js";
import { keepOutOfCaches } from "./caches.js";
import { mountPathOf } from "./mount-path.js";

export interface AuthzCookiesOptions {
  /** As Mercure "Cookie" has it, on HTTPS. */
  readonly name: string;
  readonly domain: string | undefined;
  /** The path of the hub's URL within the application; undefined for a hub elsewhere, which knows one cookie alone. */
  readonly hubPath: string | undefined;
  /** Whose a request is: the key of one person is worth nothing for another. */
  subjectOf(req: Request): unknown;
  /** Signs a text, as nobody else can. */
  sign(text: string): string;
  /** Told once that cookies go without protection. */
  warn(message: string): void;
}

/** How many grants a browser keeps: with more, its requests to the hub would be larger than proxies take. */
const mostGrants = 12;

/** How long name and value may be together. Browsers ignore a longer cookie in silence. RFC 6265bis, section 5.6. */
const longestCookie = 4096;

/** What has been given to a browser by one response. */
interface Given {
  key?: string;
  /** The browser loses what it had. */
  isAnew?: boolean;
  granted: readonly Selector[];
}

/**
 * The cookies that hold the tokens of streams, out of reach of scripts.
 *
 * Those for our own hub are sent to it alone, one for each distinct grant, and need a key in another cookie, which every
 * page sees: where that one is deleted, they are worth nothing. A hub elsewhere gets the one that it knows, for all paths.
 */
export class AuthzCookies {
  readonly #options: AuthzCookiesOptions;
  readonly #given = new WeakMap<Response, Given>();
  /** Applications on ports of one host share cookies: signing out of one must not end the streams of another. */
  readonly #owner: string;
  #warned = false;

  constructor(options: AuthzCookiesOptions) {
    this.#options = options;
    this.#owner = options.sign("owner of the key").slice(0, 8);
  }

  /** Gives the browser a token for a page's stream, besides those that it has. */
  keep(res: Response, grant: string, granted: readonly Selector[], sign: CookieTokenSigner): void {
    const given = this.#givenBy(res);
    if (this.#options.hubPath === undefined) {
      // One cookie for all streams of the page.
      given.granted = [...given.granted, ...granted];
      this.#set(res, this.#name(res.req), sign(given.granted, undefined), "/");
    } else {
      const hash = this.#hashOf(res.req, this.#key(res, given));
      this.#set(res, this.#grantName(res.req, grant), sign(granted, hash), this.#hubPath(res.req));
    }
  }

  /** Gives the browser the one token that counts for streams whose URL names no grant. */
  set(res: Response, jwt: string): void {
    this.#set(res, this.#name(res.req), jwt, this.#hubPath(res.req));
  }

  /** Takes from the browser all that it was given. Cookies that only the hub sees stay, and are worth nothing. */
  delete(res: Response): void {
    this.#delete(res, this.#name(res.req), this.#hubPath(res.req));
    this.#delete(res, this.#keyName(res.req), "/");
    for (const [shown] of this.#grants(res.req)) this.#delete(res, shown, this.#hubPath(res.req));
    // What this very response may give after that needs another key.
    this.#given.set(res, { granted: [], isAnew: true });
  }

  /** Deletes the oldest where there are too many, in the answer to a request that shows them. */
  prune(res: Response): void {
    const grants = this.#grants(res.req);
    if (grants.length <= mostGrants) return;
    const byAge = grants.sort(([, a], [, b]) => issuedAt(b) - issuedAt(a));
    for (const [name] of byAge.slice(mostGrants)) this.#delete(res, name, this.#hubPath(res.req));
  }

  /** The token for a grant, or the one for all that a hub elsewhere knows; undefined when the browser has none. */
  tokenOf(req: Request, grant: string): string | undefined {
    const name = this.#options.hubPath === undefined ? this.#name(req) : this.#grantName(req, grant);
    return cookiesOf(req).find(([each]) => each === name)?.[1];
  }

  /** Whether the browser has the cookie that a token needs. */
  hasKeyTo(req: Request, cookieHash: string | undefined): boolean {
    if (cookieHash === undefined) return true;
    const key = this.#keyOf(req);
    return key !== undefined && this.#hashOf(req, key) === cookieHash;
  }

  #hashOf(req: Request, key: string): string {
    return createHash("sha256")
      .update(keyCookie(this.#keyName(req), key))
      .digest("base64url");
  }

  #givenBy(res: Response): Given {
    const given = this.#given.get(res) ?? { granted: [] };
    this.#given.set(res, given);
    return given;
  }

  #key(res: Response, given: Given): string {
    const former = given.isAnew ? undefined : this.#keyOf(res.req);
    const known = given.key ?? (former !== undefined && this.#isKeyOf(res.req, former) ? former : undefined);
    if (known !== undefined) return known;
    given.key = this.#newKey(res.req, randomBytes(8));
    // Not Strict: a link from elsewhere must not seem to come without it, or each would take the place of the last.
    this.#set(res, this.#keyName(res.req), given.key, "/", { sameSite: "lax" });
    return given.key;
  }

  /** Half at random, half a mark of whose it is: with another person in the browser, its cookies are worth nothing. */
  #newKey(req: Request, random: Buffer): string {
    const subject = this.#options.subjectOf(req);
    const text = JSON.stringify(["key", random.toString("base64url"), subject === undefined ? null : String(subject)]);
    const mark = createHash("sha256").update(this.#options.sign(text)).digest().subarray(0, 8);
    return Buffer.concat([random, mark]).toString("base64url");
  }

  #isKeyOf(req: Request, key: string): boolean {
    return key === this.#newKey(req, Buffer.from(key, "base64url").subarray(0, 8));
  }

  #keyOf(req: Request): string | undefined {
    const name = this.#keyName(req);
    return cookiesOf(req).find(([each, value]) => each === name && value !== "")?.[1];
  }

  #grants(req: Request): [name: string, value: string][] {
    const base = this.#grantBase(req);
    return cookiesOf(req).filter(([each]) => grantOf(each, base) !== undefined);
  }

  #hubPath({ baseUrl }: Request): string {
    const { hubPath } = this.#options;
    return hubPath === undefined ? "/" : mountPathOf(baseUrl) + hubPath;
  }

  /** Browsers take neither the prefix nor the attribute `Secure` on plain HTTP. */
  #name(req: Request): string {
    return req.secure ? this.#options.name : insecureName(this.#options.name);
  }

  #grantName(req: Request, grant: string): string {
    return grantCookieName(this.#grantBase(req), grant);
  }

  /** These cookies only our own hub knows, whatever a specification calls the other one. */
  #grantBase(req: Request): string {
    return req.secure ? secureName(this.#options.name) : this.#name(req);
  }

  /** Where nothing speaks against it, one that no other host of the site can set in place of ours. */
  #keyName(req: Request): string {
    const { hostOnly, other } = keyCookieNames(this.#name(req), this.#owner);
    return req.secure && this.#options.domain === undefined ? hostOnly : other;
  }

  #set(res: Response, name: string, value: string, path: string, options: CookieOptions = {}): void {
    if (res.headersSent) {
      throw new MercureError(
        "ERR_TOKEN",
        "The token of a stream goes into a cookie, but the response has already begun.",
      );
    }
    if (name.length + value.length > longestCookie) {
      throw new MercureError(
        "ERR_TOKEN",
        `The token of a stream has ${value.length} characters, more than a browser takes in a cookie: stream fewer topics ` +
          'at once, shorten what payloadGetter gives, or set tokenMode to "url".',
      );
    }
    if (!res.req.secure) this.#warnOnce();
    this.#drop(res, name);
    // A shared cache would give the token to whoever asks next.
    keepOutOfCaches(res);
    res.cookie(name, value, { ...this.#attributes(res.req, name, path), ...options });
  }

  /** Without an expiry of their own: a token that has expired tells the hub that one is missing; no cookie says nothing. */
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

  #delete(res: Response, name: string, path: string): void {
    this.#drop(res, name);
    res.clearCookie(name, this.#attributes(res.req, name, path));
  }

  /** A response sets a cookie once. */
  #drop(res: Response, name: string): void {
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
      "htmx-mercure: a stream's token was sent in a cookie without Secure, since the request came by plain HTTP. " +
        'Serve HTTPS; behind a proxy that does, set Express\'s "trust proxy".',
    );
  }
}

/** When a token says that it was issued, in seconds since 1970; 0 for what is none. Only decides what is deleted. */
function issuedAt(token: string): number {
  try {
    const { iat } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { iat?: unknown };
    return typeof iat === "number" ? iat : 0;
  } catch {
    return 0;
  }
}
