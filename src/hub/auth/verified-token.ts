import type { Generation } from "../../protocol/protocol-version.js";
import type { Grants } from "../../protocol/tokens/grants.js";

/** A token whose signature and claims are valid. */
export interface VerifiedToken {
  /** The same for the same token only, whoever presents it. */
  readonly id: string;
  readonly generation: Generation;
  readonly grants: Grants;
  /** When the token expires, in milliseconds since 1970; undefined when it never does, as only one of 0.x can. */
  readonly expiresAt: number | undefined;
  /** Who bears it: the issuer and its `sub`; undefined when the token does not say. */
  readonly subject: string | undefined;
  /** The hash of the cookie without which the token is worth nothing; undefined when it needs none. */
  readonly cookieHash?: string | undefined;
  /** The claim `sub` alone; undefined when the token has none. */
  readonly sub: string | undefined;
  /** When it was issued, in milliseconds since 1970, with fractions; undefined when the token does not say. */
  readonly issuedAt: number | undefined;
}
