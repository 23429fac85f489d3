import { createHash, randomBytes } from "node:crypto";
import type { CookieOptions, Request, Response } from "express";
import { cookiesOf } from "../hub/http/request.js";
import type { Selector } from "../protocol/active-subscription.js";
import {
  grantCookieName,
  grantOf,
  insecureName,
  keyCookie,
  keyCookieNames,
  markCookieName,
  markedGrant,
  secureName,
} from "../protocol/tokens/authz-cookies.js";
import type { CookieTokenSigner } from "../publisher/streams/render-context.js";
import { MercureError } from "../shared/errors.js";
import type { BasePath } from "./base-path.js";
import { keepOutOfCaches } from "./caches.js";

export interface AuthzCookiesOptions {
  /** As Mercure "Cookie" has it, on HTTPS. */
  readonly name: string;
  readonly domain: string | undefined;
  readonly basePath: BasePath;
  /** The path of the hub below a base path; undefined for a hub elsewhere, which knows one cookie alone. */
  readonly hubPath: ((basePath: string) => string) | undefined;
  /** Whose a request is: the key of one person is worth nothing for another. */
  subjectOf(req: Request): unknown;
  /** Signs a text, as nobody else can. */
  sign(text: string): string;
  /** Told once that cookies go without protection. */
  warn(message: string): void;
}

/** How many bytes of grants a browser keeps: with more, its requests to the hub would be larger than proxies take. */
const mostBytes = 4096;

/** The same for the streams of one page, which need all of them. Proxies take 8 KiB with the application's cookies. */
const mostBytesOfPage = 7168;

/** How long name and value may be together. Browsers ignore a longer cookie in silence. RFC 6265bis, section 5.6. */
const longestCookie = 4096;

/** Not Strict: a link from elsewhere must not seem to come without, or each would take the place of the last. */
const fromLinksToo: CookieOptions = { sameSite: "lax" };

/** What has been given to a browser by one response. */
interface Given {
  key?: string;
  /** The browser loses what it had. */
  isAnew?: boolean;
  granted: readonly Selector[];
  /** What it has to keep for this page, by grant: the bytes of its cookies. */
  readonly own: Map<string, number>;
}

/** A grant that a browser has. */
interface KeptGrant {
  readonly grant: string;
  /** Of its cookies, with their names. */
  readonly bytes: number;
  /** In milliseconds since 1970. */
  readonly issuedAt: number;
}

/**
 * The cookies that hold the tokens of streams, out of reach of scripts.
 *
 * Those for our own hub are sent to it alone, one for each distinct grant, and need a key in another cookie, which every
 * page sees: where that one is deleted, they are worth nothing. A page does not see them, and so each has a mark that it
 * does see, by which it takes back the oldest. A hub elsewhere gets the one that it knows, for all paths.
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
      this.#setGrant(res, given, grant, sign(granted, hash));
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
    for (const { grant } of [...this.#shown(res.req), ...this.#marked(res.req)]) this.#deleteGrant(res, grant);
    // What this very response may give after that needs another key.
    this.#given.set(res, { granted: [], isAnew: true, own: new Map() });
  }

  /**
   * Deletes the oldest where there are too many for a page, in the answer to a request that shows them.
   *
   * @param asked - The grant that the request relies on.
   */
  prune(res: Response, asked: unknown): void {
    const shown = this.#shown(res.req);
    const others = shown.filter(({ grant }) => grant !== asked);
    const used = shown.reduce((sum, { grant, bytes }) => sum + (grant === asked ? bytes : 0), 0);
    for (const { grant } of beyond(others, mostBytesOfPage - used)) this.#deleteGrant(res, grant);
  }

  /** How many bytes the browser sends to the hub in cookies that the request of a page does not show. */
  bytesFor(res: Response): number {
    const { own, isAnew } = this.#givenBy(res);
    const given = [...own.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (isAnew) return given;
    const others = this.#marked(res.req).reduce((sum, { grant, bytes }) => sum + (own.has(grant) ? 0 : bytes), 0);
    return given + Math.min(others, Math.max(0, mostBytes - given));
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
    const given = this.#given.get(res) ?? { granted: [], own: new Map() };
    this.#given.set(res, given);
    return given;
  }

  #key(res: Response, given: Given): string {
    const former = given.isAnew ? undefined : this.#keyOf(res.req);
    const known = given.key ?? (former !== undefined && this.#isKeyOf(res.req, former) ? former : undefined);
    if (known !== undefined) return known;
    given.key = this.#newKey(res.req, randomBytes(8));
    this.#set(res, this.#keyName(res.req), given.key, "/", fromLinksToo);
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

  #setGrant(res: Response, given: Given, grant: string, token: string): void {
    const { req } = res;
    const name = this.#grantName(req, grant);
    const mark = [issuedAt(token), name.length + token.length].map((number) => number.toString(36)).join(".");
    const markName = markCookieName(this.#grantBase(req), this.#owner, grant);
    given.own.set(grant, bytesOf(name, token) + bytesOf(markName, mark));
    const bytes = [...given.own.values()].reduce((sum, each) => sum + each, 0);
    if (given.own.size > 1 && bytes > mostBytesOfPage) {
      throw new MercureError(
        "ERR_TOKEN",
        `The tokens of this page's ${given.own.size} private streams have ${bytes} bytes of cookies together, more than ` +
          `${mostBytesOfPage}: join the streams in a MercureStreamContext, or shorten what payloadGetter gives.`,
      );
    }
    this.#set(res, name, token, this.#hubPath(req));
    this.#set(res, markName, mark, this.#pagePath(req), fromLinksToo);
    // A request that shows grants comes from a page that may need all of them.
    if (given.isAnew || this.#shown(req).length > 0) return;
    const others = this.#marked(req).filter((each) => !given.own.has(each.grant));
    for (const each of beyond(others, mostBytes - bytes)) this.#deleteGrant(res, each.grant);
  }

  #deleteGrant(res: Response, grant: string): void {
    this.#delete(res, this.#grantName(res.req, grant), this.#hubPath(res.req));
    this.#delete(res, markCookieName(this.#grantBase(res.req), this.#owner, grant), this.#pagePath(res.req));
  }

  /** The grants whose cookies a request to the hub shows. */
  #shown(req: Request): KeptGrant[] {
    const base = this.#grantBase(req);
    return cookiesOf(req).flatMap(([name, value]) => {
      const grant = grantOf(name, base);
      return grant === undefined ? [] : { grant, bytes: bytesOf(name, value), issuedAt: issuedAt(value) };
    });
  }

  /** The grants of this application, of which every page sees the marks. */
  #marked(req: Request): KeptGrant[] {
    const base = this.#grantBase(req);
    return cookiesOf(req).flatMap(([name, value]) => {
      const grant = markedGrant(name, base, this.#owner);
      if (grant === undefined) return [];
      const [issuedAt = 0, bytes = 0] = value.split(".").map((number) => Number.parseInt(number, 36) || 0);
      return { grant, bytes: bytes + 3 + bytesOf(name, value), issuedAt };
    });
  }

  #hubPath(request: Request): string {
    const { basePath, hubPath } = this.#options;
    return hubPath === undefined ? "/" : hubPath(basePath.of(request));
  }

  #pagePath(request: Request): string {
    return this.#options.basePath.of(request) || "/";
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

/** Those of the oldest that do not fit. */
function beyond(grants: readonly KeptGrant[], mostBytes: number): KeptGrant[] {
  const byAge = [...grants].sort((a, b) => b.issuedAt - a.issuedAt);
  let left = mostBytes;
  while (byAge[0] !== undefined && byAge[0].bytes <= left) left -= byAge.shift()!.bytes;
  return byAge;
}

/** What a cookie takes in the header of a request, with what separates it from the next. */
function bytesOf(name: string, value: string): number {
  return name.length + value.length + 3;
}

/** When a token says that it was issued, in milliseconds since 1970; 0 for an invalid one. Only decides what is deleted. */
function issuedAt(token: string): number {
  try {
    const { iat } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { iat?: unknown };
    return typeof iat === "number" ? Math.round(iat * 1000) : 0;
  } catch {
    return 0;
  }
}
