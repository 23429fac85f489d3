import type { IncomingMessage } from "node:http";
import { tokenRefused } from "../protocol/problem.js";
import { cookieOf } from "./request.js";
import { generationOf, type TokenVerifier, type VerifiedToken } from "./token-verifier.js";

/** What a verified token says about its bearer. */
export interface Identity extends VerifiedToken {
  /** Whether a browser presented it by itself, on behalf of whatever page made the request. */
  readonly fromCookie: boolean;
}

/** Where a request presents its token, the place that counts most first. */
interface Presented {
  readonly token: string;
  readonly place: "header" | "query" | "cookie";
}

/** Finds and verifies the tokens that requests present. Mercure "Authorization". */
export class Authenticator {
  readonly #verifier: TokenVerifier;
  readonly #cookieNames: readonly string[];

  /** @param cookieNames - The first of them that a request has is looked at, and no other. */
  constructor(verifier: TokenVerifier, cookieNames: readonly string[]) {
    this.#verifier = verifier;
    this.#cookieNames = cookieNames;
  }

  /** Undefined when the request presents no token; throws the refusal when it presents a bad one. */
  async identify(req: IncomingMessage, query: URLSearchParams): Promise<Identity | undefined> {
    const presented = this.#presented(req, query);
    if (presented === undefined) return undefined;
    const { token, place } = presented;
    if (place === "query" && generationOf(token) === 1) {
      const detail = "A token of Mercure 1.0 must not be part of a URL; send it in the header Authorization.";
      throw tokenRefused("invalid_request", detail);
    }
    const verified = await this.#verifier.verify(token);
    if (!verified)
      throw tokenRefused("invalid_token", "The token is malformed, expired, revoked or signed with another key.");
    return { ...verified, fromCookie: place === "cookie" };
  }

  #presented(req: IncomingMessage, query: URLSearchParams): Presented | undefined {
    const bearer = bearerToken(req);
    if (bearer !== undefined) return { token: bearer, place: "header" };
    const [parameter, ...others] = query.getAll("authorization");
    if (others.length > 0) throw tokenRefused("invalid_request", "The parameter authorization must not be repeated.");
    if (parameter) return { token: parameter, place: "query" };
    for (const name of this.#cookieNames) {
      const token = cookieOf(req, name);
      if (token) return { token, place: "cookie" };
    }
    return undefined;
  }
}

/**
 * The token in the header, which no other may stand in for once the scheme is Bearer. Other schemes are for whoever
 * stands before the hub, such as a proxy that asks for a password.
 *
 * RFC 6750, section 2.1, for what a token may consist of.
 */
function bearerToken({ headers: { authorization = "" } }: IncomingMessage): string | undefined {
  if (!/^Bearer(?: |$)/i.test(authorization)) return undefined;
  const token = /^Bearer +([\w~+/.-]+=*) *$/i.exec(authorization)?.[1];
  if (token === undefined)
    throw tokenRefused("invalid_request", "Write the header as “Authorization: Bearer <token>”.");
  return token;
}
