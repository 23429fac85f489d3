import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type HttpProblem, tokenRefused } from "../../protocol/problem.js";
import { grantCookieName, grantOf, keyCookies, secureName } from "../../protocol/tokens/authz-cookies.js";
import { unionOf } from "../../protocol/tokens/grants.js";
import { cookiesOf } from "../http/request.js";
import { keyOfOtherSession } from "./other-sessions.js";
import { type TokenVerifier, versionOf } from "./token-verifier.js";
import type { VerifiedToken } from "./verified-token.js";

/** The bearer of a request, according to its verified tokens. */
export interface Identity extends Pick<VerifiedToken, "version" | "grants" | "subject" | "sub"> {
  readonly tokens: readonly VerifiedToken[];
  /** Whether the tokens came in cookies, which browsers send with requests of any page. */
  readonly fromCookie: boolean;
  /** The time when the first of the tokens expires, in milliseconds since 1970; undefined if none expires. */
  readonly firstExpiresAt: number | undefined;
  /** The time when the last of the tokens expires, in milliseconds since 1970; undefined if one never expires. */
  readonly lastExpiresAt: number | undefined;
}

/** The tokens in cookies of one name, alone or with a grant's hash. */
interface CookieTokens {
  readonly tokens: readonly string[];
  /**
   * Whether the request names one of these cookies, so that its token must be valid. Pages leave other cookies behind.
   */
  readonly areExpected: boolean;
}

/** The max number of cookies read from a request. The last ones are read: browsers send newer ones later. */
const maxCookies = 20;

/** Finds and verifies the tokens that requests present. Mercure "Authorization". */
export class Authenticator {
  readonly #verifier: TokenVerifier;
  readonly #cookieNames: readonly string[];
  readonly #ownGrant: string | undefined;

  /**
   * @param cookieNames - In order of precedence. The first name with a valid token, alone or with a grant's hash, is
   * used.
   * @param ownGrant - The hash in the name of the cookie that the hub's application sets by hand.
   */
  constructor(verifier: TokenVerifier, cookieNames: readonly string[], ownGrant?: string) {
    this.#verifier = verifier;
    this.#cookieNames = cookieNames;
    this.#ownGrant = ownGrant;
  }

  /**
   * Resolves to the identity of a request's bearer, or to undefined when the request presents no token. Several
   * cookies grant the union of their grants. Invalid grant cookies that the URL does not name are ignored: pages leave
   * old ones behind, and so do applications on other ports of the host.
   *
   * @param grant - The hash in the name of the only cookie to read; null for all cookies.
   * @throws HttpProblem when the token is invalid.
   */
  async identify(
    req: IncomingMessage,
    query: URLSearchParams,
    grant: string | null = null,
  ): Promise<Identity | undefined> {
    const bearer = bearerToken(req);
    if (bearer !== undefined) return this.#identifyBy(req, bearer);
    const [parameter, ...others] = query.getAll("authorization");
    if (others.length > 0) throw tokenRefused("invalid_request", "The parameter authorization must appear once.");
    if (!parameter) return this.#identifyByCookies(req, grant);
    if (versionOf(parameter) === 1) {
      const detail = "A token of Mercure 1.0 in a URL is not allowed. Send it in the header Authorization.";
      throw tokenRefused("invalid_request", detail);
    }
    return this.#identifyBy(req, parameter);
  }

  async #identifyBy(req: IncomingMessage, token: string): Promise<Identity> {
    const verified = await this.#verified(req, [token]);
    if (verified.length === 0) throw invalidToken();
    return together(verified, false);
  }

  async #identifyByCookies(req: IncomingMessage, grant: string | null): Promise<Identity | undefined> {
    for (const { tokens, areExpected } of this.#cookies(req, grant)) {
      const verified = await this.#verified(req, tokens);
      if (verified.length > 0) return together(verified, true);
      if (areExpected) throw invalidToken();
    }
    return undefined;
  }

  async #verified(req: IncomingMessage, tokens: readonly string[]): Promise<VerifiedToken[]> {
    const verified: VerifiedToken[] = [];
    let keys: readonly string[] | undefined;
    for (const each of new Set(tokens)) {
      const token = await this.#verifier.verify(each);
      if (token === undefined) continue;
      const { cookieHash } = token;
      if (cookieHash !== undefined) {
        keys ??= this.#keys(req);
        if (!keys.some((key) => isHashOf(cookieHash, key))) continue;
      }
      verified.push(token);
    }
    return verified;
  }

  /**
   * Returns the values of the key cookies, without the key of another session. Cookie-bound tokens require one of them.
   */
  #keys(req: IncomingMessage): readonly string[] {
    const cookies = cookiesOf(req);
    // The limit bounds the work: each key is hashed for each token.
    const keys = this.#cookieNames.flatMap((name) => keyCookies(cookies, name).slice(-maxCookies));
    const other = keyOfOtherSession(req);
    return other === undefined ? keys : keys.filter((key) => key !== other);
  }

  /**
   * Returns the tokens in cookies, in order of precedence.
   *
   * @param grant - The hash in the name of the only cookie to read; null for all cookies.
   */
  #cookies(req: IncomingMessage, grant: string | null): CookieTokens[] {
    const cookies = cookiesOf(req);
    if (cookies.length === 0) return [];
    let left = maxCookies;
    return this.#cookieNames.flatMap((base): CookieTokens[] => {
      const bases = [...new Set([base, secureName(base)])];
      const isNamed = (name: string, hash: string | undefined) =>
        hash !== undefined && bases.some((each) => name === grantCookieName(each, hash));
      const isExpected = (name: string) =>
        grant === null ? name === base || isNamed(name, this.#ownGrant) : isNamed(name, grant);
      const isOurs = (name: string) =>
        isExpected(name) || (grant === null && bases.some((each) => grantOf(name, each) !== undefined));
      const ours = cookies.filter(([name, value]) => value !== "" && isOurs(name)).slice(-left);
      if (ours.length === 0 || left === 0) return [];
      left -= ours.length;
      return [{ tokens: ours.map(([, value]) => value), areExpected: ours.some(([name]) => isExpected(name)) }];
    });
  }
}

function invalidToken(): HttpProblem {
  return tokenRefused("invalid_token", "The token is malformed, expired, revoked or signed with another key.");
}

/** @param tokens - At least one. */
function together(tokens: readonly VerifiedToken[], fromCookie: boolean): Identity {
  const { version, grants, expiresAt, subject, sub } = tokens[0]!;
  if (tokens.length === 1) {
    const times = { firstExpiresAt: expiresAt, lastExpiresAt: expiresAt };
    return { tokens, version, grants, ...times, subject, sub, fromCookie };
  }
  const ends = tokens.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY);
  const bearer = tokens.find(({ subject }) => subject !== undefined);
  return {
    tokens,
    version,
    grants: unionOf(tokens.map(({ grants }) => grants)),
    firstExpiresAt: finite(Math.min(...ends)),
    lastExpiresAt: finite(Math.max(...ends)),
    subject: bearer?.subject,
    sub: bearer?.sub,
    fromCookie,
  };
}

function finite(time: number): number | undefined {
  return Number.isFinite(time) ? time : undefined;
}

function isHashOf(hash: string, value: string): boolean {
  const expected = Buffer.from(createHash("sha256").update(value).digest("base64url"));
  const given = Buffer.from(hash);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * Returns the Bearer token of the Authorization header, which takes precedence over all other places. Other schemes are
 * ignored: they belong to a proxy in front of the hub, such as one that asks for a password.
 *
 * RFC 6750, section 2.1, defines the characters of a token.
 */
function bearerToken({ headers: { authorization = "" } }: IncomingMessage): string | undefined {
  if (!/^Bearer(?: |$)/i.test(authorization)) return undefined;
  const token = /^Bearer +([\w~+/.-]+=*) *$/i.exec(authorization)?.[1];
  if (token === undefined)
    throw tokenRefused("invalid_request", "Write the header as “Authorization: Bearer <token>”.");
  return token;
}
