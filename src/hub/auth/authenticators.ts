import { compileMatcher } from "../../protocol/matching/matcher.js";
import type { Protocol } from "../../protocol/matching/subscription-parameters.js";
import { insecureName } from "../../protocol/tokens/authz-cookies.js";
import type { GrantLimits } from "../../protocol/tokens/grants.js";
import { type Clock, systemClock } from "../../shared/clock.js";
import { Authenticator } from "./authentication.js";
import { handmadeGrant } from "./handmade-grant.js";
import type { ResolvedIssuer } from "./issuers.js";
import { staticKey, type TrustedKeys } from "./keys.js";
import { TokenVerifier, type VerifierSettings } from "./token-verifier.js";

/**
 * The cookie names of both versions, the newer first. On plain HTTP the names lack their prefix.
 * Mercure 1.0 "Cookie", Mercure 0.x "Cookie".
 */
export const defaultCookieNames = ["__Secure-mercure_access_token", "mercureAuthorization"] as const;

/** The settings of the hub that decide which tokens are valid. */
export interface AuthenticatorSettings {
  readonly issuers: readonly ResolvedIssuer[];
  readonly issuer: string;
  readonly resource: string;
  readonly tokenLimits: GrantLimits;
  readonly cookieName: string | undefined;
  readonly clockTolerance: number;
  readonly subscriberKey: string | undefined;
  readonly publisherKey: string | undefined;
  readonly hubUrl: string;
  readonly protocol: Protocol;
}

/** Returns the authenticator of a role. It trusts the role's own secret and the keys of the role's issuers. */
export function authenticatorFor(
  role: "subscriber" | "publisher",
  settings: AuthenticatorSettings,
  isRevoked?: VerifierSettings["isRevoked"],
  clock: Clock = systemClock,
): Authenticator {
  const { issuers, issuer, resource, tokenLimits, cookieName, clockTolerance } = settings;
  const secret = { subscriber: settings.subscriberKey, publisher: settings.publisherKey }[role];
  const keys = [...ownKeys(secret, issuer), ...issuers.filter((trusted) => isFor(role, trusted))];
  const compile = (match: string, type: string) => compileMatcher(match, type, settings.hubUrl);
  const versions = settings.protocol === "both" ? ([0, 1] as const) : [settings.protocol];
  const verifier = new TokenVerifier(
    { keys, resource, limits: tokenLimits, compile, versions, isRevoked, clockTolerance },
    clock,
  );
  const names = cookieName === undefined ? defaultCookieNames : [cookieName];
  const { subscriberKey } = settings;
  const ownGrant = subscriberKey === undefined ? undefined : handmadeGrant(subscriberKey);
  return new Authenticator(verifier, [...new Set(names.flatMap((name) => [name, insecureName(name)]))], ownGrant);
}

/** Returns the keys of a role's secret, which verify tokens of both versions. */
function ownKeys(secret: string | undefined, issuer: string): TrustedKeys[] {
  if (secret === undefined) return [];
  const source = staticKey(new TextEncoder().encode(secret));
  return [undefined, issuer].map((name) => ({ issuer: name, algorithms: ["HS256"], source }));
}

function isFor(role: "subscriber" | "publisher", trusted: ResolvedIssuer): boolean {
  return trusted.role === undefined || trusted.role === role;
}
