import { createHmac } from "node:crypto";

/** The claim of a Mercure 0.x token (Mercure 0.x, "Authorization"). */
export interface MercureClaim {
  /** The topic selectors whose private updates the bearer may receive. */
  readonly subscribe?: readonly string[];
  /** The topic selectors that the bearer may publish to. */
  readonly publish?: readonly string[];
  /** What other subscribers may learn of the bearer. */
  readonly payload?: unknown;
}

export interface PublisherKeys {
  readonly publisherSecretKey: string;
  /** A token made elsewhere, instead of one for each publish. */
  readonly publisherJwt: string | undefined;
}

/** How long a token is valid that is made for one publish, in seconds. */
const publishTokenLifetime = 60;

const header = encode({ alg: "HS256", typ: "JWT" });

/**
 * Signs a token with HS256. Synchronous, since a page's tokens are made while it is rendered.
 *
 * @param lifetime how long the token is valid, in seconds
 */
export function signToken(claim: MercureClaim, key: string, lifetime: number): string {
  const now = Math.floor(Date.now() / 1000);
  const body = `${header}.${encode({ mercure: claim, iat: now, exp: now + lifetime })}`;
  return `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`;
}

/** The token for publishing to these topics. */
export function publisherToken(topics: readonly string[], { publisherSecretKey, publisherJwt }: PublisherKeys): string {
  return publisherJwt ?? signToken({ publish: topics }, publisherSecretKey, publishTokenLifetime);
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
