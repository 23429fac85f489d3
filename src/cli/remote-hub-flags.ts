import { defaultHubPath } from "../protocol/draft.js";
import { type Signer, signToken, type TokenGrants, type TokenProfile } from "../publisher/streams/tokens.js";
import { hubUrlInEnvironment } from "../shared/hub-url-variable.js";
import { keyVariables } from "../shared/key-variables.js";
import type { OptionReader } from "../shared/option-reader.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";
import { readSecret, secretFlags } from "./secrets.js";
import { signerOf } from "./signing.js";

const defaultHubUrl = "http://127.0.0.1:5500/.well-known/mercure";

/** The lifetime of a token that a command signs for itself, in seconds. */
const ownTokenLifetime = 3600;

export const hubUrlFlags: Flags = {
  "hub-url": { value: "url", variable: "MERCURE_HUB_URL", help: `Default ${defaultHubUrl}.` },
};

export function readHubUrl(read: OptionReader): string {
  const url = hubUrlInEnvironment(read, "hub-url", defaultHubPath) ?? defaultHubUrl;
  if (url.startsWith("/"))
    throw new UsageError("The hub's URL must be absolute, such as --hub-url https://example.com/.well-known/mercure");
  return url;
}

/** The role of the hub's client: publisher or subscriber. */
export type Role = "publisher" | "subscriber";

const secretVariables = {
  publisher: [...keyVariables.publisher, "SECRET_KEY"],
  subscriber: [...keyVariables.subscriber, "SECRET_KEY"],
} as const;

export const algorithmVariables = {
  publisher: "MERCURE_PUBLISHER_JWT_ALG",
  subscriber: "MERCURE_SUBSCRIBER_JWT_ALG",
} as const;

/** Returns the flags of the key that signs a role's tokens. */
export function keyFlags(role: Role): Flags {
  const what = `The key that signs ${role}s' tokens: a secret, or a private key in PEM.`;
  return {
    ...secretFlags("secret", what, secretVariables[role].join(", ")),
    algorithm: {
      value: "name",
      variable: algorithmVariables[role],
      help: "The algorithm of the signature. Default HS256; with PEM RS256, ES256 or EdDSA, by the type of key.",
    },
  };
}

/** Returns the signer of a role's tokens, or undefined without a key. */
export function readSigner(read: OptionReader, role: Role): Signer | undefined {
  const key = readSecret(read, "secret", secretVariables[role]);
  return key === undefined ? undefined : signerOf(key, read.string("algorithm", algorithmVariables[role]));
}

export function tokenFlags(role: Role): Flags {
  const variable = tokenVariables[role];
  return {
    ...secretFlags("jwt", `The ${role}'s token. Default: a token signed with the secret.`, variable),
    ...keyFlags(role),
  };
}

const tokenVariables = { publisher: "MERCURE_PUBLISHER_JWT", subscriber: "MERCURE_SUBSCRIBER_JWT" } as const;

/** Returns the given token, else a token signed with the key that carries `grants`; undefined without token and key. */
export function readToken(
  read: OptionReader,
  role: Role,
  profile: TokenProfile,
  grants: TokenGrants,
): string | undefined {
  const token = readSecret(read, "jwt", [tokenVariables[role]]);
  if (token !== undefined) return token.trim();
  const signer = readSigner(read, role);
  return signer && signToken(grants, profile, signer, ownTokenLifetime);
}
