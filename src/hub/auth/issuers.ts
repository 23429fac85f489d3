import { createPublicKey } from "node:crypto";
import type { JSONWebKeySet } from "jose";
import { invalidOption, OptionReader } from "../../shared/option-reader.js";
import { unfoldPem } from "../../shared/pem.js";
import { jwkSetFile, jwkSetKeys, jwkSetUrl, type KeySource, staticKey, type TrustedKeys } from "./keys.js";

/** A trusted token issuer, with exactly one of `secret`, `pem` and `jwks`. */
export interface IssuerOptions {
  /**
   * The `iss` claim of the issuer's tokens, which must then be of Mercure 1.0: the keys verify only tokens with this
   * claim. Without `issuer` the keys verify tokens of Mercure 0.x.
   * {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.1 | RFC 7519, section 4.1.1}.
   */
  readonly issuer?: string | undefined;
  /** The role of the keys. Default: both subscribers and publishers. */
  readonly role?: "subscriber" | "publisher" | undefined;
  /** A shared secret. Min length: 32 bytes for HS256, 48 for HS384, 64 for HS512. */
  readonly secret?: string | undefined;
  /** A public key in PEM. */
  readonly pem?: string | undefined;
  /** A JWK Set, its https URL, or the path of its file. The hub reads the file again when it changes. */
  readonly jwks?: JSONWebKeySet | URL | string | undefined;
  /** The accepted algorithms. Default: HS256 for a secret, otherwise ES256, EdDSA, Ed25519 and RS256. */
  readonly algorithms?: readonly string[] | undefined;
}

export interface ResolvedIssuer extends TrustedKeys {
  readonly role: "subscriber" | "publisher" | undefined;
}

/** The min length of a secret for each algorithm, in bytes. RFC 7518, section 3.2. */
const secretAlgorithms = new Map([
  ["HS256", 32],
  ["HS384", 48],
  ["HS512", 64],
]);
const publicAlgorithms = new Set(
  ["ES256", "ES384", "ES512", "EdDSA", "Ed25519"].concat(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
);
const usualAlgorithms = ["ES256", "EdDSA", "Ed25519", "RS256"];

/**
 * Reads and checks the option `issuers`.
 *
 * @throws MercureError `ERR_OPTION` for invalid keys, and for keys that do not fit their algorithms.
 */
export function resolveIssuers(list: object | undefined): readonly ResolvedIssuer[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw invalidOption("issuers", "must be a list");
  return list.map((options, index) => resolveIssuer(options, `issuers[${index}]`));
}

function resolveIssuer(options: unknown, name: string): ResolvedIssuer {
  if (typeof options !== "object" || options === null) throw invalidOption(name, "must be an object");
  const read = new OptionReader(options, `${name}.`, {});
  const secret = read.string("secret");
  const pem = unfoldPem(read.string("pem"));
  const jwks = (options as IssuerOptions).jwks;
  const set = typeof jwks === "string" ? read.string("jwks") : read.object("jwks");
  const algorithms = read.strings("algorithms") ?? (secret === undefined ? usualAlgorithms : ["HS256"]);
  const issuer = read.string("issuer");
  const role = read.string("role");
  read.refuseUnknown();
  if (role !== undefined && role !== "subscriber" && role !== "publisher") {
    throw invalidOption(`${name}.role`, 'must be "subscriber" or "publisher"');
  }
  if ([secret, pem, set].filter((key) => key !== undefined).length !== 1) {
    throw invalidOption(name, "must have exactly one of secret, pem and jwks");
  }
  checkAlgorithms(algorithms, secret !== undefined, name);
  const source = secret !== undefined ? secretKey(secret, algorithms, name) : publicKeys(pem, set, name);
  return { issuer, role, algorithms, source };
}

function checkAlgorithms(algorithms: readonly string[], secret: boolean, name: string): void {
  if (algorithms.length === 0) throw invalidOption(`${name}.algorithms`, "is empty: no token would be valid");
  const allowed = secret ? secretAlgorithms : publicAlgorithms;
  for (const algorithm of algorithms) {
    if (allowed.has(algorithm)) continue;
    const all = [...allowed.keys()].join(", ");
    throw invalidOption(`${name}.algorithms`, `contains ${algorithm}; this type of key supports ${all}`);
  }
}

function secretKey(secret: string, algorithms: readonly string[], name: string): KeySource {
  refusePem(secret, `${name}.secret`);
  const minLength = Math.max(...algorithms.map((algorithm) => secretAlgorithms.get(algorithm)!));
  const key = new TextEncoder().encode(secret);
  if (key.length < minLength)
    throw invalidOption(`${name}.secret`, `has ${key.length} bytes, and needs min ${minLength}`);
  return staticKey(key);
}

/** Rejects a PEM key given as a secret: anyone who knows the public key could sign with it. RFC 8725, section 2.1. */
export function refusePem(secret: string | undefined, name: string): void {
  if (secret === undefined || !/-----BEGIN /.test(secret)) return;
  throw invalidOption(name, "is a key in PEM, not a shared secret; give it as pem of an entry of issuers");
}

function publicKeys(pem: string | undefined, set: unknown, name: string): KeySource {
  try {
    if (pem !== undefined) return staticKey(createPublicKey(pem));
    const url = urlOf(set);
    if (url !== undefined) return jwkSetUrl(url);
    return typeof set === "string" ? jwkSetFile(set) : jwkSetKeys(set as JSONWebKeySet);
  } catch (error) {
    if (pem !== undefined) throw invalidOption(`${name}.pem`, "is not a valid PEM public key");
    throw invalidOption(`${name}.jwks`, `is not a readable JWK Set: ${(error as Error).message}`);
  }
}

function urlOf(set: unknown): URL | undefined {
  if (!(set instanceof URL) && !(typeof set === "string" && /^[a-z]+:\/\//i.test(set))) return undefined;
  const url = new URL(set);
  const local = url.protocol === "http:" && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  // Over plain HTTP an attacker on the network could replace the keys and issue tokens.
  if (url.protocol !== "https:" && !local) throw new Error("a URL must be https, except on this host");
  return url;
}
