import { constants, createHmac, createPrivateKey, type KeyObject, sign } from "node:crypto";
import type { Signer } from "../publisher/streams/tokens.js";
import { UsageError } from "./errors.js";

/** The algorithms for each kind of private key, the usual one first. RFC 7518, section 3.1; RFC 8037, section 3.1. */
const algorithms: Readonly<Record<string, readonly string[]>> = {
  rsa: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  prime256v1: ["ES256"],
  secp384r1: ["ES384"],
  secp521r1: ["ES512"],
  ed25519: ["EdDSA", "Ed25519"],
};
const secretAlgorithms = ["HS256", "HS384", "HS512"];

/**
 * Returns the signer for a key: a secret, or a private key in PEM.
 *
 * @param algorithm - Default: HS256 for a secret, and the usual algorithm of the private key's kind.
 * @throws UsageError for an invalid private key, or an algorithm that the key does not support.
 */
export function signerOf(key: string, algorithm?: string): Signer {
  const privateKey = key.includes("-----BEGIN ") ? readPrivateKey(key) : undefined;
  const known = privateKey === undefined ? secretAlgorithms : algorithmsOf(privateKey);
  const chosen = algorithm ?? known[0]!;
  if (!known.includes(chosen)) {
    throw new UsageError(`This type of key signs with ${known.join(", ")}, not ${chosen}.`);
  }
  const hash = `sha${chosen.slice(-3)}`;
  if (privateKey === undefined) {
    return { algorithm: chosen, sign: (text) => createHmac(hash, key).update(text).digest("base64url") };
  }
  const settings = {
    key: privateKey,
    dsaEncoding: "ieee-p1363",
    ...(chosen.startsWith("PS") && {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
  } as const;
  const digest = chosen.startsWith("Ed") ? null : hash;
  return { algorithm: chosen, sign: (text) => sign(digest, Buffer.from(text), settings).toString("base64url") };
}

function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new UsageError("Not an unencrypted PEM private key.");
  }
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  const kind = asymmetricKeyType === "ec" ? asymmetricKeyDetails?.namedCurve : asymmetricKeyType;
  const known = algorithms[kind ?? ""];
  if (known !== undefined) return known;
  throw new UsageError(
    `Keys of the type ${kind} are not supported. Use an RSA, EC (P-256, P-384, P-521) or Ed25519 key.`,
  );
}
