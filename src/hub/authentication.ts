import type { IncomingMessage } from "node:http";
import { jwtVerify } from "jose";
import type { Generation } from "../protocol/active-subscription.js";
import { type Grants, parseGrants } from "../protocol/grants.js";
import { tokenRefused } from "../protocol/problem.js";
import { cookieOf } from "./request.js";

/** What a verified token says about its bearer. */
export interface Identity {
  readonly grants: Grants;
  /** The generation of Mercure that the token speaks. */
  readonly generation: Generation;
  /** When the token expires, in milliseconds since 1970; undefined when it never does. */
  readonly expiresAt: number | undefined;
  /** Whether a browser presented it by itself, on behalf of whatever page made the request. */
  readonly fromCookie: boolean;
}

/** Verifies the tokens that requests present. Mercure 0.x "Authorization". */
export class Authenticator {
  readonly #key: Uint8Array | undefined;
  readonly #cookieName: string;

  constructor(key: string | undefined, cookieName: string) {
    this.#key = key === undefined ? undefined : new TextEncoder().encode(key);
    this.#cookieName = cookieName;
  }

  /** Undefined when the request presents no token; throws the refusal when it presents a bad one. */
  async identify(req: IncomingMessage, query: URLSearchParams): Promise<Identity | undefined> {
    const inRequest = bearerToken(req) ?? (query.get("authorization") || undefined);
    const token = inRequest ?? (cookieOf(req, this.#cookieName) || undefined);
    if (token === undefined) return undefined;
    const claims = await this.#verify(token);
    const grants = claims && parseGrants(claims);
    if (!grants) throw tokenRefused("invalid_token", "The token is malformed, expired or signed with another key.");
    const expiresAt = typeof claims.exp === "number" ? claims.exp * 1000 : undefined;
    return { grants, generation: 0, expiresAt, fromCookie: inRequest === undefined };
  }

  async #verify(token: string): Promise<Record<string, unknown> | undefined> {
    if (this.#key === undefined) return undefined;
    try {
      // Which algorithms are acceptable is never for the token to say.
      const { payload } = await jwtVerify(token, this.#key, { algorithms: ["HS256"] });
      return payload;
    } catch {
      return undefined;
    }
  }
}

/** Other schemes than Bearer are for whoever stands before the hub, such as a proxy that asks for a password. */
function bearerToken(req: IncomingMessage): string | undefined {
  return /^Bearer +(.*)$/i.exec(req.headers.authorization ?? "")?.[1];
}
