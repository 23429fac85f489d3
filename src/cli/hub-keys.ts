import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IssuerOptions } from "../hub/index.js";
import { generateDevSecret } from "../shared/generate-dev-secret.js";
import { checkKeyLength } from "../shared/key-length.js";
import { keyVariables } from "../shared/key-variables.js";
import type { OptionReader } from "../shared/option-reader.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";
import { algorithmVariables, type Role } from "./remote-hub-flags.js";
import { readSecret, secretFlags } from "./secrets.js";

const roles = ["publisher", "subscriber"] as const;

export const hubKeyFlags: Flags = {
  ...roleFlags("publisher"),
  ...roleFlags("subscriber"),
  ...secretFlags(
    "secret",
    "The secret for publishers' and subscribers' tokens, unless they have one of their own.",
    "SECRET_KEY",
  ),
  "issuers-file": {
    value: "path",
    variable: "MERCURE_HUB_ISSUERS_FILE",
    help: "A JSON list of further issuers with valid tokens, like the option issuers.",
  },
};

function roleFlags(role: Role): Flags {
  return {
    ...secretFlags(
      `${role}-secret`,
      `The key of ${role}s' tokens: a secret, or a public key in PEM.`,
      `MERCURE_${role.toUpperCase()}_JWT_KEY`,
    ),
    [`${role}-algorithm`]: {
      value: "name",
      variable: algorithmVariables[role],
      help: "The only algorithm accepted with it. Default HS256; with PEM ES256, EdDSA and RS256.",
    },
  };
}

/** The keys that verify the tokens of a hub's clients. */
export interface HubKeys {
  /** The publishers' secret for HS256; undefined when publishers have another kind of key. */
  readonly publisherKey: string | undefined;
  readonly subscriberKey: string | undefined;
  /** The secret that development has made, as environment variables for other processes of the hub. */
  readonly made: Readonly<Record<string, string>>;
  /**
   * Returns the hub's issuers with their keys.
   *
   * @param issuer - The issuer of the Mercure 1.0 tokens that the keys of the roles verify.
   */
  issuers(issuer: string): readonly IssuerOptions[];
}

/**
 * Reads the keys of a hub from flags and environment. In development a missing secret is generated, and a short secret
 * logs a warning.
 *
 * @throws UsageError when keys contradict each other.
 * @throws MercureError `ERR_OPTION` when a key is missing in production.
 */
export function readHubKeys(read: OptionReader, development: boolean): HubKeys {
  refuseSharedInput(read);
  const shared = readSecret(read, "secret", ["SECRET_KEY"]);
  const others = readIssuersFile(read);
  const keys = { publisher: readKey(read, "publisher", shared), subscriber: readKey(read, "subscriber", shared) };
  const isMissing = (role: Role) => keys[role] === undefined && others.every((other) => (other.role ?? role) !== role);
  const made = roles.some(isMissing) ? generateDevSecret(undefined, development, console) : undefined;
  const secretOf = (role: Role) => (isMissing(role) ? made : keys[role]?.secret);
  const secrets = new Set(roles.map(secretOf).filter((secret) => secret !== undefined));
  for (const secret of secrets) checkKeyLength(secret, development, console);
  return {
    publisherKey: secretOf("publisher"),
    subscriberKey: secretOf("subscriber"),
    made:
      made === undefined
        ? {}
        : Object.fromEntries(roles.filter(isMissing).map((role) => [keyVariables[role][0], made])),
    issuers: (issuer) => [
      ...roles.flatMap((role) => {
        const { issued } = keys[role] ?? {};
        return issued === undefined ? [] : [issued, { ...issued, issuer }];
      }),
      ...others,
    ],
  };
}

/** The key of a role: a secret for HS256, or an issuer's key. */
interface RoleKey {
  readonly secret?: string;
  readonly issued?: IssuerOptions;
}

function readKey(read: OptionReader, role: Role, shared: string | undefined): RoleKey | undefined {
  const key = readSecret(read, `${role}-secret`, keyVariables[role]) ?? shared;
  const algorithm = read.string(`${role}-algorithm`, algorithmVariables[role]);
  if (key === undefined) {
    if (algorithm === undefined) return undefined;
    throw new UsageError(`The algorithm of ${role}s' tokens has no key: add --${role}-secret-file.`);
  }
  const algorithms = algorithm === undefined ? undefined : [algorithm];
  if (key.includes("-----BEGIN ")) {
    if (!isPublicKey(key)) throw new UsageError(`The key of ${role}s' tokens is not a valid PEM key.`);
    return { issued: { role, pem: key, algorithms } };
  }
  if (algorithm === undefined || algorithm === "HS256") return { secret: key };
  return { issued: { role, secret: key, algorithms } };
}

function isPublicKey(pem: string): boolean {
  try {
    createPublicKey(pem);
    return true;
  } catch {
    return false;
  }
}

function readIssuersFile(read: OptionReader): readonly IssuerOptions[] {
  const path = read.string("issuers-file", "MERCURE_HUB_ISSUERS_FILE");
  if (path === undefined) return [];
  try {
    const issuers: unknown = JSON.parse(readFileSync(path, "utf8"));
    const isList = Array.isArray(issuers) && issuers.every((each) => typeof each === "object" && each !== null);
    if (isList) return issuers as IssuerOptions[];
  } catch (error) {
    throw new UsageError(`The file of --issuers-file cannot be read: ${(error as Error).message}.`);
  }
  throw new UsageError("The file of --issuers-file must hold a list of objects, in JSON.");
}

function refuseSharedInput(read: OptionReader): void {
  const stdin = ["secret-file", "publisher-secret-file", "subscriber-secret-file"].filter(
    (name) => read.string(name) === "-",
  );
  if (stdin.length > 1) throw new UsageError(`Only one of --${stdin.join(" and --")} can be the standard input.`);
}
