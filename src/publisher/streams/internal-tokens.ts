import { createHmac, timingSafeEqual } from "node:crypto";
import type { MatchType, Selector } from "../../protocol/active-subscription.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { cookieConfirmation } from "../../protocol/tokens/authz-cookies.js";

/** The grants of a subscriber's token that this application has signed. */
export interface InternalGrants {
  readonly subscribe: readonly Selector[];
  readonly payload?: unknown;
  /** The hash of the cookie that must accompany the token. */
  readonly cookieHash?: string | undefined;
}

/**
 * The encoded headers of the tokens that the library signs, one for each version. A search for tokens in a text starts
 * with them.
 */
export const tokenHeaders = { 0: tokenHeader(0, "HS256"), 1: tokenHeader(1, "HS256") } as const;

export function tokenHeader(version: ProtocolVersion, alg: string): string {
  return encode({ alg, typ: version === 0 ? "JWT" : "at+jwt" });
}

/**
 * Returns the grants of a subscriber's token, expired or not. A valid signature proves that the application once
 * granted them. Returns undefined for other tokens, and for tokens signed with another key.
 */
export function readInternalToken(token: string, key: string): InternalGrants | undefined {
  const [header, payload = "", signature = "", ...rest] = token.split(".");
  const isOurs = Object.values<string>(tokenHeaders).includes(header!) && rest.length === 0;
  if (!isOurs || !isSignatureOf(`${header}.${payload}`, signature, key)) return undefined;
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  const cookieHash = (claims.cnf as Record<string, string> | undefined)?.[cookieConfirmation];
  const grants = header === tokenHeaders[0] ? claimed(claims) : detailed(claims);
  return grants && { ...grants, cookieHash };
}

/** Returns whether a text contains a stream's URL with a token of any issuer. */
export function holdsStreamToken(text: string): boolean {
  return /[?&#;]authorization=eyJ[\w-]*\.[\w-]+\.[\w-]+/.test(text);
}

/** Returns whether a text contains a subscriber's token of this key, as the markup of a private stream does. */
export function holdsOwnToken(text: string, key: string): boolean {
  for (const header of Object.values(tokenHeaders)) {
    const rest = /\.[\w-]+\.[\w-]{43}/y;
    for (let start = text.indexOf(header); start >= 0; start = text.indexOf(header, start + header.length)) {
      rest.lastIndex = start + header.length;
      const [end] = rest.exec(text) ?? [];
      if (end !== undefined && readInternalToken(header + end, key) !== undefined) return true;
    }
  }
  return false;
}

export function signature(text: string, key: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}

export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function isSignatureOf(text: string, given: string, key: string): boolean {
  const expected = Buffer.from(signature(text, key));
  const actual = Buffer.from(given);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** Mercure 0.x "Authorization". */
function claimed({ mercure }: Record<string, unknown>): InternalGrants | undefined {
  const { subscribe, payload } = (mercure ?? {}) as { subscribe?: string[]; payload?: unknown };
  return subscribe && { subscribe: subscribe.map((text) => ({ text })), payload };
}

interface Detail {
  readonly actions: readonly string[];
  readonly topics: readonly { readonly match: string; readonly match_type?: MatchType }[];
  readonly payload?: unknown;
}

/** Mercure 1.0 "Authorization Details". A token without grants has no details. */
function detailed(claims: Record<string, unknown>): InternalGrants | undefined {
  if (claims.aud === undefined) return undefined;
  const details = (claims.authorization_details ?? []) as readonly Detail[];
  if (!details.every(({ actions }) => actions.every((action) => action === "subscribe"))) return undefined;
  const topics = details.flatMap((detail) => detail.topics);
  return {
    subscribe: topics.map(({ match, match_type }) => ({ text: match, matchType: match_type })),
    payload: details[0]?.payload,
  };
}
