import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { Grants } from "../../protocol/tokens/grants.js";

/** A token whose signature and claims are valid. */
export interface VerifiedToken {
  /** Identifies the token: equal for equal tokens only, regardless of the presenter. */
  readonly id: string;
  readonly version: ProtocolVersion;
  readonly grants: Grants;
  /** The expiry time, in milliseconds since 1970; undefined for a token of 0.x that never expires. */
  readonly expiresAt: number | undefined;
  /** The bearer: the issuer and its `sub`; undefined when the token has no `sub`. */
  readonly subject: string | undefined;
  /** The hash of the cookie that the token is bound to; undefined for an unbound token. */
  readonly cookieHash?: string | undefined;
  /** The `sub` claim; undefined when the token has none. */
  readonly sub: string | undefined;
  /** The issue time, in milliseconds since 1970, with fractions; undefined when the token has no `iat`. */
  readonly issuedAt: number | undefined;
}
