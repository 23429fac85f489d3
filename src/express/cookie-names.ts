import type { Request } from "express";
import { grantCookieName, insecureName, keyCookieNames, secureName } from "../protocol/tokens/authz-cookies.js";

export interface CookieNamesOptions {
  /** The cookie's name on HTTPS, as section "Cookie" of Mercure defines it. */
  readonly name: string;
  readonly domain: string | undefined;
  /** The hash in the name of the cookie that the application sets by hand. Undefined for an external hub. */
  readonly handmadeGrant: string | undefined;
  /** The part of the key cookie's name that identifies the application. */
  readonly owner: string;
}

/** The names of the cookies of one application. They depend on whether the request came over HTTPS. */
export class CookieNames {
  readonly #options: CookieNamesOptions;

  constructor(options: CookieNamesOptions) {
    this.#options = options;
  }

  /** Returns the name of the only cookie of an external hub. On plain HTTP browsers reject the prefix and `Secure`. */
  only(req: Request): string {
    return req.secure ? this.#options.name : insecureName(this.#options.name);
  }

  /** Returns the name of a grant's cookie. */
  ofGrant(req: Request, grant: string): string {
    return grantCookieName(this.grantBase(req), grant);
  }

  /** Returns the base of grant cookies' names. Only the hub in this process knows these cookies. */
  grantBase(req: Request): string {
    return req.secure ? secureName(this.#options.name) : this.only(req);
  }

  /** Returns the name of the cookie that the application sets by hand. */
  handmade(req: Request): string {
    const { handmadeGrant } = this.#options;
    return handmadeGrant === undefined ? this.only(req) : this.ofGrant(req, handmadeGrant);
  }

  /** Returns the key cookie's name: with HTTPS and no `Domain`, one that no other host of the site can overwrite. */
  ofKey(req: Request): string {
    const { hostOnly, other } = keyCookieNames(this.only(req), this.#options.owner);
    return req.secure && this.#options.domain === undefined ? hostOnly : other;
  }
}
