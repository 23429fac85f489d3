import { createHash } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose";
import { HttpProblem } from "../../protocol/problem.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { type MatcherCompiler, parseAuthorizationDetails } from "../../protocol/tokens/authorization-details.js";
import { cookieConfirmation } from "../../protocol/tokens/authz-cookies.js";
import { type GrantLimits, type Grants, parseGrants } from "../../protocol/tokens/grants.js";
import { type Clock, systemClock } from "../../shared/clock.js";
import { newPace } from "../pacer.js";
import type { TrustedKeys } from "./keys.js";
import { TokenCache } from "./token-cache.js";
import type { VerifiedToken } from "./verified-token.js";

export interface VerifierSettings {
  readonly keys: readonly TrustedKeys[];
  /** The value that the `aud` claim of a token of Mercure 1.0 must contain. */
  readonly resource: string;
  readonly limits: GrantLimits;
  /** The max time an issuer's clock can be ahead, in seconds. Applies to `nbf` and `iat`. Default 30. */
  readonly clockTolerance?: number | undefined;
  /** The versions whose tokens are accepted. Default both. */
  readonly versions?: readonly ProtocolVersion[] | undefined;
  /** Compiles the matchers of tokens of Mercure 1.0. Default: exact matchers only. */
  readonly compile?: MatcherCompiler | undefined;
  /** Whether an otherwise valid token is revoked. Default never. */
  readonly isRevoked?: ((token: VerifiedToken) => Promise<boolean>) | undefined;
}

/** Returns the version that a token's `typ` header selects, or undefined for a malformed token. */
export function versionOf(token: string): ProtocolVersion | undefined {
  try {
    // RFC 7515, section 4.1.9: the comparison ignores case and a leading `application/`.
    const { typ } = decodeProtectedHeader(token);
    return typeof typ === "string" && /^(application\/)?at\+jwt$/i.test(typ) ? 1 : 0;
  } catch {
    return undefined;
  }
}

/** Verifies tokens. Mercure 1.0 "Token Validation", Mercure 0.x "Authorization". */
export class TokenVerifier {
  readonly #settings: VerifierSettings;
  readonly #cache: TokenCache;
  readonly #clock: Clock;

  constructor(settings: VerifierSettings, clock: Clock = systemClock) {
    this.#settings = settings;
    this.#cache = new TokenCache(undefined, () => clock.now());
    this.#clock = clock;
  }

  /**
   * Resolves to the verified token, or to undefined when it is invalid for any reason.
   *
   * @throws HttpProblem 503 when the keys are temporarily unavailable.
   */
  async verify(token: string): Promise<VerifiedToken | undefined> {
    const verified = this.#cache.get(token) ?? (await this.#verifyAnew(token));
    if (verified === undefined || (await this.#settings.isRevoked?.(verified))) return undefined;
    return verified;
  }

  async #verifyAnew(token: string): Promise<VerifiedToken | undefined> {
    const version = versionOf(token);
    const { versions = [0, 1] } = this.#settings;
    if (version === undefined || !versions.includes(version)) return undefined;
    const issuer = version === 1 ? claimedIssuer(token) : undefined;
    if (version === 1 && issuer === undefined) return undefined;
    let unavailable: unknown;
    for (const keys of this.#settings.keys) {
      // Keys are not pooled: a token signed by one issuer must not pass as another's.
      if (keys.issuer !== issuer) continue;
      // The version of the keys is read before the keys, so that a change in between invalidates the cached result.
      let { version: keyVersion } = keys.source;
      try {
        const claims = await this.#claims(token, version, keys);
        if (claims === undefined) continue;
        const verified = await this.#read(token, claims, version);
        keyVersion ??= keys.source.version;
        if (verified !== undefined) this.#cache.add(token, verified, keys.source, keyVersion);
        return verified;
      } catch (error) {
        unavailable = error;
      }
    }
    if (unavailable === undefined) return undefined;
    const detail = "The keys that verify this token are temporarily unavailable.";
    throw new HttpProblem(503, detail, { "Retry-After": "5" }, unavailable);
  }

  /** Resolves to the claims if a key signed them and they are valid now. Throws when the keys are unavailable. */
  async #claims(token: string, version: ProtocolVersion, trusted: TrustedKeys): Promise<JWTPayload | undefined> {
    const header = decodeProtectedHeader(token);
    if (!trusted.algorithms.includes(header.alg!)) return undefined;
    const now = this.#clock.now();
    const { clockTolerance = 30 } = this.#settings;
    const required: JWTVerifyOptions = {
      algorithms: [...trusted.algorithms],
      currentDate: new Date(now),
      clockTolerance,
    };
    if (version === 1) {
      const { resource } = this.#settings;
      const { issuer } = trusted;
      Object.assign(required, { typ: "at+jwt", issuer, audience: resource, requiredClaims: ["iss", "aud", "exp"] });
    }
    for (const key of await trusted.source.keysFor(header)) {
      try {
        const { payload } = await jwtVerify(token, key, required);
        // jose applies the tolerance to `exp` as well. The hub does not, because open streams end at `exp` exactly.
        const isExpired = payload.exp !== undefined && payload.exp * 1000 <= now;
        const isOfTheFuture = typeof payload.iat === "number" && payload.iat * 1000 > now + clockTolerance * 1000;
        return isExpired || isOfTheFuture ? undefined : payload;
      } catch {
        // The next key may have signed it.
      }
    }
    return undefined;
  }

  async #read(token: string, claims: JWTPayload, version: ProtocolVersion): Promise<VerifiedToken | undefined> {
    const {
      iss = "",
      sub: claimed,
      exp,
      iat,
    } = claims as { iss?: unknown; sub?: unknown; exp?: number; iat?: unknown };
    // Older issuers write numbers, which must not identify a subject.
    const sub = typeof claimed === "string" ? claimed : undefined;
    if (version === 1 && claimed !== undefined && sub === undefined) return undefined;
    const { limits, compile } = this.#settings;
    const grants =
      version === 1
        ? await parseAuthorizationDetails(claims, limits, compile, newPace())
        : this.#readOlder(claims, limits);
    if (grants === undefined) return undefined;
    const expiresAt = exp === undefined ? undefined : exp * 1000;
    const issuedAt = typeof iat === "number" ? iat * 1000 : undefined;
    const subject = sub === undefined ? undefined : JSON.stringify([iss, sub]);
    return { id: idOf(token), version, grants, expiresAt, subject, sub, issuedAt, cookieHash: cookieHashIn(claims) };
  }

  #readOlder(claims: JWTPayload, limits: GrantLimits): Grants | undefined {
    // A 1.0 token without its `typ` would otherwise be valid and grant nothing, which is hard to debug.
    if (Object.hasOwn(claims, "authorization_details") && !Object.hasOwn(claims, "mercure")) return undefined;
    return parseGrants(claims, limits);
  }
}

/** Returns the hash of the cookie a token is bound to. RFC 7800, section 3.1, with a private confirmation method. */
function cookieHashIn({ cnf }: JWTPayload): string | undefined {
  const hash = (cnf as Record<string, unknown> | undefined)?.[cookieConfirmation];
  return typeof hash === "string" ? hash : undefined;
}

/** Returns the unverified `iss` claim, which only selects the keys. The signature check follows. */
function claimedIssuer(token: string): string | undefined {
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === "string" && iss !== "" ? iss : undefined;
  } catch {
    return undefined;
  }
}

/** Hashes the signed part of a token only: some algorithms allow several signatures of the same content. */
function idOf(token: string): string {
  return createHash("sha256")
    .update(token.slice(0, token.lastIndexOf(".")))
    .digest("base64url");
}
