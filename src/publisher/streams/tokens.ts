import { randomUUID } from "node:crypto";
import type { Selector } from "../../protocol/active-subscription.js";
import type { Generation } from "../../protocol/protocol-version.js";
import { detailType } from "../../protocol/tokens/authorization-details.js";
import { cookieConfirmation } from "../../protocol/tokens/authz-cookies.js";
import { type Clock, systemClock } from "../../shared/clock.js";
import { distinctTime } from "../../shared/distinct-time.js";
import { MercureError } from "../../shared/errors.js";
import {
  encode,
  holdsOwnToken,
  holdsStreamToken,
  type OwnGrants,
  readOwnToken,
  signature,
  tokenHeader,
  tokenHeaders,
} from "./internal-tokens.js";

/** What a token grants its bearer. */
export interface TokenGrants {
  /** The topics whose private updates the bearer may receive. */
  readonly subscribe?: readonly Selector[];
  /** The topics to which the bearer may publish. */
  readonly publish?: readonly Selector[];
  /** What other subscribers may learn of the bearer: anything that JSON holds, in Mercure 1.0 an object. */
  readonly payload?: unknown;
  /** The hash of the cookie without which the token is worth nothing. Default: it needs none. */
  readonly cookieHash?: string | undefined;
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
  /** A token made elsewhere, for publishing. */
  readonly publisherJwt: string | undefined;
  /** How long a subscriber's token is valid, in seconds. */
  readonly tokenLifetime: number;
}

/** What a token says besides what it grants. */
export interface TokenBearer extends Pick<TokenGrants, "payload" | "subject" | "cookieHash"> {
  /** How long it is valid, in seconds. Default `tokenLifetime`. */
  readonly lifetime?: number | undefined;
}

/** How long a token is valid that is made for publishing, in seconds. It is used for the first half of this time. */
const publishTokenLifetime = 120;

/** For how many lists of topics such tokens are kept. */
const keptTokens = 1000;

/** Makes the tokens with which the application, and its visitors, come to the hub. */
export class Tokens {
  readonly #options: TokensOptions;
  readonly #clock: Clock;
  readonly #beganAt: () => number | undefined;
  /** By the topics that they are for; the one that was made longest ago comes first. */
  readonly #publishTokens = new Map<string, { readonly token: string; readonly until: number }>();

  /** @param beganAt - When the request began for which a token is made, in milliseconds since 1970. */
  constructor(options: TokensOptions, clock: Clock = systemClock, beganAt: () => number | undefined = () => undefined) {
    this.#options = options;
    this.#clock = clock;
    this.#beganAt = beganAt;
  }

  /** For publishing to these topics: the same for some time, so that neither side pays for a signature each time. */
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

  /** For whoever else shall publish. */
  forOtherPublisher(publish: readonly Selector[], { lifetime, ...bearer }: TokenBearer): string {
    return this.#sign({ publish, ...bearer }, this.#options.publisherSecretKey, lifetime);
  }

  /** For receiving private updates. */
  forSubscriber(subscribe: readonly Selector[], { lifetime, ...bearer }: TokenBearer = {}): string {
    return this.#sign({ subscribe, ...bearer }, this.#options.subscriberSecretKey, lifetime);
  }

  /** What a subscriber's token grants that was signed here, expired or not; undefined for any other. */
  read(token: string): OwnGrants | undefined {
    return readOwnToken(token, this.#options.subscriberSecretKey);
  }

  /** Marks a text, as only this application can. */
  mark(text: string): string {
    return signature(text, this.#options.subscriberSecretKey);
  }

  /** Whether a text holds such a token, or another one in a stream's URL. */
  areIn(text: string): boolean {
    return holdsStreamToken(text) || holdsOwnToken(text, this.#options.subscriberSecretKey);
  }

  #sign(grants: TokenGrants, key: string, lifetime = this.#options.tokenLifetime): string {
    return signToken(grants, this.#options, key, lifetime, this.#clock.now(), this.#beganAt());
  }
}

/** Signs with a key other than a secret for HS256. */
export interface Signer {
  /** As the header `alg` names it. */
  readonly algorithm: string;
  /** In base64url. */
  sign(text: string): string;
}

/**
 * Signs a token, with HS256 by a secret. Synchronous, since a page's tokens are made while it is rendered.
 *
 * @param lifetime how long the token is valid, in seconds
 * @param issuedAt - What its claim `iat` says, in milliseconds since 1970. Default: now.
 * @throws MercureError `ERR_OPTION` for a payload that the generation does not allow.
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
    // With its fraction: a hub that refuses older tokens can tell this one from those of the same second.
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
