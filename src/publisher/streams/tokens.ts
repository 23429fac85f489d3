import { randomUUID } from "node:crypto";
import type { Selector } from "../../protocol/active-subscription.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { detailType } from "../../protocol/tokens/authorization-details.js";
import { cookieConfirmation } from "../../protocol/tokens/authz-cookies.js";
import { type Clock, systemClock } from "../../shared/clock.js";
import { distinctTime } from "../../shared/distinct-time.js";
import { MercureError } from "../../shared/errors.js";
import {
  encode,
  holdsOwnToken,
  holdsStreamToken,
  type InternalGrants,
  readInternalToken,
  signature,
  tokenHeader,
  tokenHeaders,
} from "./internal-tokens.js";

/** The grants of a token, and the data about its bearer. */
export interface TokenGrants {
  /** The topics whose private updates the bearer can receive. */
  readonly subscribe?: readonly Selector[];
  /** The topics that the bearer can publish to. */
  readonly publish?: readonly Selector[];
  /** Data about the bearer that other subscribers can read: any JSON value, in Mercure 1.0 an object. */
  readonly payload?: unknown;
  /** The hash of the cookie that must accompany the token. Default: the token needs no cookie. */
  readonly cookieHash?: string | undefined;
  /** The bearer's id. Default: none. */
  readonly subject?: string | undefined;
}

/** The version of tokens, and the origin that tokens of Mercure 1.0 state. */
export interface TokenProfile {
  readonly protocol: ProtocolVersion;
  /** The issuer: the claim `iss`. */
  readonly issuer: string;
  /** The hub that accepts the tokens: the claim `aud`. */
  readonly resource: string;
}

export interface TokensOptions extends TokenProfile {
  readonly publisherSecretKey: string;
  readonly subscriberSecretKey: string;
  /** A publisher's token created elsewhere. It replaces the library's own. */
  readonly publisherJwt: string | undefined;
  /** The lifetime of a subscriber's token, in seconds. */
  readonly tokenLifetime: number;
}

/** The data about a token's bearer. */
export interface TokenBearer extends Pick<TokenGrants, "payload" | "subject" | "cookieHash"> {
  /** The lifetime of the token, in seconds. Default `tokenLifetime`. */
  readonly lifetime?: number | undefined;
}

/** The lifetime of a token for publishing, in seconds. A token is reused for the first half of it. */
const publishTokenLifetime = 120;

/** The max number of cached tokens for publishing, one for each list of topics. */
const keptTokens = 1000;

/** Creates the tokens that the application and its visitors present to the hub. */
export class Tokens {
  readonly #options: TokensOptions;
  readonly #clock: Pick<Clock, "now">;
  readonly #beganAt: () => number | undefined;
  /** The cached tokens for publishing, by their topics; the oldest comes first. */
  readonly #publishTokens = new Map<string, { readonly token: string; readonly until: number }>();

  /**
   * @param beganAt - Returns the time when the current request began, in milliseconds since 1970. Undefined outside of
   * a request.
   */
  constructor(
    options: TokensOptions,
    clock: Pick<Clock, "now"> = systemClock,
    beganAt: () => number | undefined = () => undefined,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#beganAt = beganAt;
  }

  /**
   * Returns a token for publishing to these topics. Tokens are cached, so frequent publishes do not sign or verify each
   * time.
   */
  forPublisher(topics: readonly string[]): string {
    const { publisherSecretKey, publisherJwt } = this.#options;
    if (publisherJwt !== undefined) return publisherJwt;
    const key = JSON.stringify(topics);
    const now = this.#clock.now();
    const known = this.#publishTokens.get(key);
    if (known !== undefined && now < known.until) return known.token;
    const publish = topics.map((text) => ({ text }));
    const token = signToken({ publish }, this.#options, publisherSecretKey, publishTokenLifetime, now);
    this.#publishTokens.delete(key);
    this.#publishTokens.set(key, { token, until: now + publishTokenLifetime * 500 });
    if (this.#publishTokens.size > keptTokens) this.#publishTokens.delete(this.#publishTokens.keys().next().value!);
    return token;
  }

  /** Returns a token for another publisher. */
  forOtherPublisher(publish: readonly Selector[], { lifetime, ...bearer }: TokenBearer): string {
    return this.#sign({ publish, ...bearer }, this.#options.publisherSecretKey, lifetime);
  }

  /** Returns a token for receiving private updates. */
  forSubscriber(subscribe: readonly Selector[], { lifetime, ...bearer }: TokenBearer = {}): string {
    return this.#sign({ subscribe, ...bearer }, this.#options.subscriberSecretKey, lifetime);
  }

  /**
   * Returns the grants of a subscriber's token signed by this application, expired or not. Returns undefined for any
   * other token.
   */
  read(token: string): InternalGrants | undefined {
    return readInternalToken(token, this.#options.subscriberSecretKey);
  }

  /** Returns the signature of a text, which only this application can compute. */
  mark(text: string): string {
    return signature(text, this.#options.subscriberSecretKey);
  }

  /** Returns whether a text contains a subscriber's token of this application, or any token in a stream's URL. */
  areIn(text: string): boolean {
    return holdsStreamToken(text) || holdsOwnToken(text, this.#options.subscriberSecretKey);
  }

  #sign(grants: TokenGrants, key: string, lifetime = this.#options.tokenLifetime): string {
    return signToken(grants, this.#options, key, lifetime, this.#clock.now(), this.#beganAt());
  }
}

/** Signs texts with a key other than an HS256 secret. */
export interface Signer {
  /** The algorithm, as the header `alg` names it. */
  readonly algorithm: string;
  /** Returns the signature in base64url. */
  sign(text: string): string;
}

/**
 * Returns a signed token. A string key is an HS256 secret. Signing is synchronous, because tokens are created during
 * rendering.
 *
 * @param lifetime - The lifetime of the token, in seconds.
 * @param now - The time that the lifetime starts at, in milliseconds since 1970. Default: now.
 * @param issuedAt - The value of the claim `iat`, in milliseconds since 1970. Default: `now`, adjusted to be unique.
 * @throws MercureError `ERR_OPTION` for a payload that the version does not allow.
 */
export function signToken(
  grants: TokenGrants,
  profile: TokenProfile,
  key: string | Signer,
  lifetime: number,
  now = Date.now(),
  issuedAt = distinctTime(now),
): string {
  const { cookieHash, subject } = grants;
  const claims = {
    ...(profile.protocol === 0 ? { mercure: mercureClaim(grants), sub: subject } : accessTokenClaims(grants, profile)),
    ...(cookieHash !== undefined && { cnf: { [cookieConfirmation]: cookieHash } }),
    // `iat` keeps its fraction. A hub that revokes older tokens can thus distinguish tokens of the same second.
    iat: issuedAt / 1000,
    exp: Math.floor(now / 1000) + lifetime,
  };
  const isSecret = typeof key === "string";
  const header = isSecret ? tokenHeaders[profile.protocol] : tokenHeader(profile.protocol, key.algorithm);
  const body = `${header}.${encode(claims)}`;
  return `${body}.${isSecret ? signature(body, key) : key.sign(body)}`;
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
  const details = [...detail("subscribe", subscribe, payload), ...detail("publish", publish, payload)];
  return {
    iss: issuer,
    aud: resource,
    // A publisher is the application itself. Each token of an unknown visitor gets a subject of its own.
    sub: subscribe === undefined ? issuer : (subject ?? `urn:uuid:${randomUUID()}`),
    client_id: issuer,
    jti: `urn:uuid:${randomUUID()}`,
    ...(details.length > 0 && { authorization_details: details }),
  };
}

/**
 * Returns a list of one authorization detail. Returns an empty list without selectors, because a detail must name a
 * topic.
 */
function detail(action: string, selectors: readonly Selector[] = [], payload?: unknown): object[] {
  if (selectors.length === 0) return [];
  const topics = selectors.map(({ text, matchType }) => ({ match: text, match_type: matchType }));
  return [{ type: detailType, actions: [action], topics, payload }];
}
