import { identityOptions } from "../hub/options/option-table.js";
import { readIdentityOption } from "../hub/options/read-options.js";
import type { Selector } from "../protocol/active-subscription.js";
import { carriedName } from "../protocol/carried-name.js";
import type { ProtocolVersion } from "../protocol/protocol-version.js";
import type { TokenProfile } from "../publisher/streams/tokens.js";
import type { OptionReader } from "../shared/option-reader.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";
import { optionFlags } from "./option-flags.js";

/** The issuer and resource that a hub and its Mercure 1.0 tokens must agree on. */
export interface ResourceIdentity {
  readonly issuer: string;
  readonly resource: string;
}

const { issuer, resource } = identityOptions;

export const identityFlags: Flags = optionFlags({ issuer, resource });

/**
 * Reads the issuer and resource from flags and environment. An application's variables also configure its hub and its
 * commands, so one `.env` file serves them all.
 *
 * @param hubUrl - The default resource, for when no flag or variable names one.
 */
export function readIdentity(read: OptionReader, hubUrl: string): ResourceIdentity {
  const { MERCURE_PUBLIC_HUB_URL, MERCURE_HUB_URL } = process.env;
  const known = [MERCURE_PUBLIC_HUB_URL, MERCURE_HUB_URL].find((url) => url && URL.canParse(url));
  const resource = readIdentityOption(read, "resource") ?? known ?? hubUrl;
  const origin = URL.canParse(resource) ? new URL(resource).origin : "/";
  return { issuer: readIdentityOption(read, "issuer") ?? origin, resource };
}

const protocolVersions = [0, 1] as const;

export const protocolFlags: Flags = {
  protocol: {
    value: "0|1",
    choices: protocolVersions,
    variable: "MERCURE_PROTOCOL",
    help: "The version of Mercure to speak. Default 0.",
  },
  ...identityFlags,
};

/** Reads the profile of the tokens that a command signs: protocol version, issuer and resource. */
export function readProfile(read: OptionReader, hubUrl: string): TokenProfile {
  const protocol = read.oneOf("protocol", protocolVersions, "MERCURE_PROTOCOL") ?? 0;
  return { protocol, ...readIdentity(read, hubUrl) };
}

export const matcherFlags: Flags = {
  match: {
    value: "topic",
    multiple: true,
    help: "Mercure 1.0: a topic's exact name, the same as without a flag. Can be repeated.",
  },
  "match-urlpattern": {
    value: "pattern",
    multiple: true,
    help: "Mercure 1.0: a URL pattern of topics. Can be repeated.",
  },
};

/**
 * Returns the selectors of the command line: topics, and with Mercure 1.0 also matchers. Joiners are escaped as the
 * publisher escapes them.
 */
export function readSelectors(read: OptionReader, topics: readonly string[], protocol: ProtocolVersion): Selector[] {
  const exact = read.strings("match") ?? [];
  const patterns = read.strings("match-urlpattern") ?? [];
  if (protocol === 0 && exact.length + patterns.length > 0) {
    throw new UsageError("The flags --match and --match-urlpattern need Mercure 1.0: add --protocol 1.");
  }
  return [
    ...[...topics, ...exact].map((text) => ({ text: carriedName(text) })),
    ...patterns.map((text) => ({ text: carriedName(text), matchType: "urlpattern" as const })),
  ];
}
