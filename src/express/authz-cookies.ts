import type { CookieOptions, Request, Response } from "express";
import { noteKeyOfOtherSession } from "../hub/auth/other-sessions.js";
import { cookiesOf } from "../hub/http/request.js";
import type { Selector } from "../protocol/active-subscription.js";
import { grantOf, markCookieName, markedGrant } from "../protocol/tokens/authz-cookies.js";
import type { CookieTokenSigner } from "../publisher/streams/render-context.js";
import { MercureError } from "../shared/errors.js";
import type { BasePath } from "./base-path.js";
import { keepOutOfCaches } from "./caches.js";
import { CookieKeys, type CookieKeysOptions } from "./cookie-keys.js";
import { CookieNames } from "./cookie-names.js";
import { CookieWriter } from "./cookie-writer.js";
import { beyond, bytesOf, issuedAt, type KeptGrant } from "./kept-grants.js";
import { isOfSeenSession } from "./session-mark.js";

export interface AuthzCookiesOptions extends CookieKeysOptions {
  /** The cookie's name on HTTPS, as section "Cookie" of Mercure defines it. */
  readonly name: string;
  readonly domain: string | undefined;
  readonly basePath: BasePath;
  /** Returns the hub's path below a base path; undefined for an external hub, which knows only one cookie. */
  readonly hubPath: ((basePath: string) => string) | undefined;
  /** The hash in the name of the cookie that the application sets by hand. */
  readonly handmadeGrant: string;
  /** Receives one warning when cookies are sent without `Secure`. */
  warn(message: string): void;
}

/** The max bytes of grants that a browser keeps. With more, its requests to the hub exceed the limits of proxies. */
const maxBytes = 4096;

/** The same max for one page, which needs all its grants. Proxies accept 8 KiB with the application's cookies. */
const maxBytesOfPage = 7168;

/** Lax, not Strict: a visit from another site must carry the cookie, or each such visit would replace it. */
const fromLinksToo: CookieOptions = { sameSite: "lax" };

/** The cookies that one response sets. */
interface Given {
  key?: string;
  /** Whether the response deletes the browser's former cookies. */
  isAnew?: boolean;
  granted: readonly Selector[];
  /** The bytes of the cookies that this page needs, by grant. */
  readonly own: Map<string, number>;
}

/**
 * Manages the cookies that hold the tokens of streams, hidden from scripts.
 *
 * The hub in this process has one cookie per distinct grant, which browsers send to its path only. These cookies need a
 * key in another cookie, which every page's request carries. Deleting the key makes them invalid. Requests for pages do
 * not carry the grants, so each grant also has a mark cookie on the pages' path; the marks show the oldest grants,
 * which are evicted first. An external hub has one cookie, for all paths.
 */
export class AuthzCookies {
  readonly #cookies: CookieWriter;
  readonly #names: CookieNames;
  readonly #keys: CookieKeys;
  readonly #options: AuthzCookiesOptions;
  readonly #given = new WeakMap<Response, Given>();
  /** Identifies this application. Applications on ports of one host share cookies, and sign users out separately. */
  readonly #owner: string;

  constructor(options: AuthzCookiesOptions) {
    this.#options = options;
    this.#cookies = new CookieWriter(options);
    this.#owner = options.sign("owner of the key").slice(0, 8);
    const { name, domain, hubPath } = options;
    const handmadeGrant = hubPath && options.handmadeGrant;
    this.#names = new CookieNames({ name, domain, handmadeGrant, owner: this.#owner });
    this.#keys = new CookieKeys(this.#names, options);
  }

  /** Sets a token for a page's stream, in addition to the tokens that the browser has. */
  keep(res: Response, grant: string, granted: readonly Selector[], sign: CookieTokenSigner): void {
    const given = this.#givenBy(res);
    if (this.#options.hubPath === undefined) {
      // The page's streams share one cookie.
      given.granted = [...given.granted, ...granted];
      this.#cookies.set(res, this.#names.only(res.req), sign(given.granted, undefined), "/");
    } else {
      this.#setGrant(res, given, grant, sign(granted, this.#hashOfKey(res, given)));
    }
  }

  /**
   * Notes the person behind a request, before the middleware after mercure() can change it. Requests of the hub know
   * only the sessions that are known here.
   */
  begin(req: Request): void {
    if (this.#options.hubPath !== undefined) this.#keys.begin(req);
  }

  /**
   * Makes the hub ignore the grants of another person: the session has expired, or another person has signed in. The
   * hub cannot compare sessions that only the middleware after mercure() knows.
   */
  keepFromOthers(req: Request): void {
    const key = this.#keys.of(req);
    if (key === undefined || !isOfSeenSession(key) || this.#keys.isOfPerson(req, key)) return;
    noteKeyOfOtherSession(req, this.#keys.cookie(req, key));
  }

  /** Deletes the key of another person when a page is rendered. All middleware has run by then. */
  forgetOthers(res: Response): void {
    const { req } = res;
    const key = this.#keys.of(req);
    if (key === undefined || res.headersSent || this.#givenBy(res).key !== undefined) return;
    if (this.#keys.isOfPerson(req, key)) return;
    keepOutOfCaches(res);
    this.#cookies.delete(res, this.#names.ofKey(req), "/");
  }

  /**
   * Sets the single token for streams whose URL names no grant.
   *
   * @param sign - Signs the token, for a key cookie if the hub is in this process.
   */
  set(res: Response, sign: (cookieHash: string | undefined) => string): void {
    const { req } = res;
    if (this.#options.hubPath === undefined) this.#cookies.set(res, this.#names.only(req), sign(undefined), "/");
    else this.setUnbound(res, sign(this.#hashOfKey(res, this.#givenBy(res))));
  }

  /** Sets a single token unchanged. */
  setUnbound(res: Response, token: string): void {
    this.#cookies.set(res, this.#names.handmade(res.req), token, this.#hubPath(res.req));
  }

  /** Deletes the browser's tokens. Cookies that only the hub receives can stay; without the key they are invalid. */
  delete(res: Response): void {
    this.#cookies.delete(res, this.#names.handmade(res.req), this.#hubPath(res.req));
    this.#cookies.delete(res, this.#names.ofKey(res.req), "/");
    for (const { grant } of [...this.#shown(res.req), ...this.#marked(res.req)]) this.#deleteGrant(res, grant);
    // Tokens that the same response sets later need a new key.
    this.#given.set(res, { granted: [], isAnew: true, own: new Map() });
  }

  /**
   * Evicts this application's oldest grants beyond the max for a page, in the response to a request that carries them.
   *
   * @param asked - The grant that the request relies on.
   */
  prune(res: Response, asked: unknown): void {
    const shown = this.#shown(res.req);
    const isKept = ({ grant }: KeptGrant) => grant === asked || grant === this.#options.handmadeGrant;
    const own = new Set(this.#marked(res.req).map(({ grant }) => grant));
    // Another application of this host has grants too, and must not lose them.
    const others = shown.filter((each) => !isKept(each) && own.has(each.grant));
    const used = shown.reduce((sum, each) => sum + (isKept(each) ? each.bytes : 0), 0);
    for (const { grant } of beyond(others, maxBytesOfPage - used)) this.#deleteGrant(res, grant);
  }

  /** Returns the bytes of cookies that the browser sends to the hub, but not with the request for a page. */
  bytesFor(res: Response): number {
    const { own, isAnew } = this.#givenBy(res);
    const given = [...own.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (isAnew) return given;
    const others = this.#marked(res.req).reduce((sum, { grant, bytes }) => sum + (own.has(grant) ? 0 : bytes), 0);
    return given + Math.min(others, Math.max(0, maxBytes - given));
  }

  /** Returns the token for a grant, or the single token of an external hub; undefined if the browser has neither. */
  tokenOf(req: Request, grant: string): string | undefined {
    const name = this.#options.hubPath === undefined ? this.#names.only(req) : this.#names.ofGrant(req, grant);
    return cookiesOf(req).find(([each]) => each === name)?.[1];
  }

  /**
   * Returns a text that is the same for all pages of a viewer in a browser, and differs for other viewers. The
   * application's cookies identify a viewer without a subject.
   */
  viewerMark(req: Request): string {
    const subject = this.#keys.personOf(req);
    const base = this.#names.grantBase(req);
    const isOwn = (name: string) => name === this.#names.ofKey(req) || name.startsWith(`${base}_`);
    const viewer =
      subject === undefined
        ? [cookiesOf(req).filter(([name]) => !isOwn(name)), req.headers.authorization ?? ""]
        : String(subject);
    return this.#options.sign(JSON.stringify(["viewer", viewer])).slice(0, 22);
  }

  /** Whether the browser has the key that a token needs. */
  hasKeyTo(req: Request, cookieHash: string | undefined): boolean {
    if (cookieHash === undefined) return true;
    const key = this.#keys.of(req);
    return key !== undefined && this.#keys.hash(req, key) === cookieHash;
  }

  #givenBy(res: Response): Given {
    const given = this.#given.get(res) ?? { granted: [], own: new Map() };
    this.#given.set(res, given);
    return given;
  }

  /** Returns the hash of the key that the response's tokens need. Sets a new key if the browser has no valid one. */
  #hashOfKey(res: Response, given: Given): string {
    const { req } = res;
    let key = given.key ?? (given.isAnew ? undefined : this.#keys.valid(req));
    if (key === undefined) {
      key = this.#keys.make(req);
      given.key = key;
      this.#cookies.set(res, this.#names.ofKey(req), key, "/", fromLinksToo);
    }
    return this.#keys.hash(req, key);
  }

  #setGrant(res: Response, given: Given, grant: string, token: string): void {
    const { req } = res;
    const name = this.#names.ofGrant(req, grant);
    const mark = [issuedAt(token), name.length + token.length].map((number) => number.toString(36)).join(".");
    const markName = markCookieName(this.#names.grantBase(req), this.#owner, grant);
    given.own.set(grant, bytesOf(name, token) + bytesOf(markName, mark));
    const bytes = [...given.own.values()].reduce((sum, each) => sum + each, 0);
    if (given.own.size > 1 && bytes > maxBytesOfPage) {
      throw new MercureError(
        "ERR_TOKEN",
        `The cookies for this page's ${given.own.size} private streams have ${bytes} bytes; the max is ` +
          `${maxBytesOfPage}: put the streams into a MercureStreamContext, or return a shorter payload from payloadGetter.`,
      );
    }
    this.#cookies.set(res, name, token, this.#hubPath(req));
    this.#cookies.set(res, markName, mark, this.#pagePath(req), fromLinksToo);
    // A request that carries grants comes from a page that may need all of them.
    if (given.isAnew || this.#shown(req).length > 0) return;
    const others = this.#marked(req).filter((each) => !given.own.has(each.grant));
    for (const each of beyond(others, maxBytes - bytes)) this.#deleteGrant(res, each.grant);
  }

  #deleteGrant(res: Response, grant: string): void {
    this.#cookies.delete(res, this.#names.ofGrant(res.req, grant), this.#hubPath(res.req));
    this.#cookies.delete(
      res,
      markCookieName(this.#names.grantBase(res.req), this.#owner, grant),
      this.#pagePath(res.req),
    );
  }

  /** Returns the grants whose cookies a request to the hub carries. */
  #shown(req: Request): KeptGrant[] {
    const base = this.#names.grantBase(req);
    return cookiesOf(req).flatMap(([name, value]) => {
      const grant = grantOf(name, base);
      return grant === undefined ? [] : { grant, bytes: bytesOf(name, value), issuedAt: issuedAt(value) };
    });
  }

  /** Returns the grants of this application, from the marks that every page's request carries. */
  #marked(req: Request): KeptGrant[] {
    const base = this.#names.grantBase(req);
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
}
