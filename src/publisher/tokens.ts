import { createHmac, randomUUID } from "node:crypto";
import { distinctTime } from "../distinct-time.js";
import { MercureError } from "../errors.js";
import type { Selector } from "../protocol/active-subscription.js";
import { detailType } from "../protocol/authorization-details.js";
import type { Generation } from "../protocol/generation.js";

/** What a token grants its bearer. */
export interface TokenGrants {
  /** The topics whose private updates the bearer may receive. */
  readonly subscribe?: readonly Selector[];
  /** The topics to which the bearer may publish. */
  readonly publish?: readonly Selector[];
  /** What other subscribers may learn of the bearer: anything that JSON holds, in Mercure 1.0 an object. */
  readonly payload?: unknown;
  /** Who bears the token. Default nobody in particular. */
  readonly subject?: string | undefined;
}

/** In which generation tokens speak, and what those of Mercure 1.0 say of their origin. */
export interface TokenProfile {
  readonly protocol: Generation;
  /** Who issues them. */
  readonly issuer: string;
  /** The hub that they are for. */
  readonly resource: string;
}

export interface TokensOptions extends TokenProfile {
  readonly publisherSecretKey: string;
  readonly subscriberSecretKey: string;
  /** A token made elsewhere, instead of one for each publish. */
  readonly publisherJwt: string | undefined;
  /** How long a subscriber's token is valid, in seconds. */
  readonly tokenLifetime: number;
}

/** How long a token is valid that is made for one publish, in seconds. */
const publishTokenLifetime = 60;

/** Makes the tokens with which the application, and its visitors, come to the hub. */
export class Tokens {
  readonly #options: TokensOptions;

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  /** For publishing to these topics. */
  forPublisher(topics: readonly string[]): string {
    const { publisherSecretKey, publisherJwt } = this.#options;
    const publish = topics.map((text) => ({ text }));
    return publisherJwt ?? signToken({ publish }, this.#options, publisherSecretKey, publishTokenLifetime);
  }

  /** For receiving private updates. */
  forSubscriber(subscribe: readonly Selector[], payload?: unknown, subject?: string): string {
    const { subscriberSecretKey, tokenLifetime } = this.#options;
    return signToken({ subscribe, payload, subject }, this.#options, subscriberSecretKey, tokenLifetime);
  }
}

/**
 * Signs a token with HS256. Synchronous, since a page's tokens are made while it is rendered.
 *
 * @param lifetime how long the token is valid, in seconds
 * @throws MercureError `ERR_OPTION` for a payload that the generation does not allow.
 */
export function signToken(grants: TokenGrants, profile: TokenProfile, key: string, lifetime: number): string {
  // With its fraction: a hub that refuses older tokens can tell this one from those of the same second.
  const now = distinctTime() / 1000;
  const times = { iat: now, exp: now + lifetime };
  const [header, claims] =
    profile.protocol === 0
      ? [
          { alg: "HS256", typ: "JWT" },
          { mercure: mercureClaim(grants), sub: grants.subject, ...times },
        ]
      : [
          { alg: "HS256", typ: "at+jwt" },
          { ...accessTokenClaims(grants, profile), ...times },
        ];
  const body = `${encode(header)}.${encode(claims)}`;
  return `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`;
}

/** Mercure 0.x "Authorization". */
function mercureClaim({ subscribe, publish, payload }: TokenGrants): object {
  const texts = (selectors?: readonly Selector[]) => selectors?.map(({ text }) => text);
  return { subscribe: texts(subscribe), publish: texts(publish), payload };
}

/** Mercure 1.0 "Token Validation" and "Authorization Details"; RFC 9068, section 2.2. */
function accessTokenClaims(grants: TokenGrants, { issuer, resource }: TokenProfile): object {
  const { subscribe, publish, payload, subject } = grants;
  if (payload !== undefined && (typeof payload !== "object" || payload === null || Array.isArray(payload))) {
    throw new MercureError("ERR_OPTION", "The payload of a token of Mercure 1.0 must be an object.");
  }
  const details = [...detail("subscribe", subscribe, payload), ...detail("publish", publish)];
  return {
    iss: issuer,
    aud: resource,
    // A publisher is the application itself; visitors whom it does not know are strangers, each token another one.
    sub: subscribe === undefined ? issuer : (subject ?? `urn:uuid:${randomUUID()}`),
    client_id: issuer,
    jti: `urn:uuid:${randomUUID()}`,
    ...(details.length > 0 && { authorization_details: details }),
  };
}

/** A detail must name a topic; without one there is nothing to grant. */
function detail(action: string, selectors: readonly Selector[] = [], payload?: unknown): object[] {
  if (selectors.length === 0) return [];
  const topics = selectors.map(({ text, matchType }) => ({ match: text, match_type: matchType }));
  return [{ type: detailType, actions: [action], topics, payload }];
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
