import type { Selector } from "../protocol/active-subscription.js";
import { carriedName } from "../protocol/carried-name.js";
import type { ProtocolVersion } from "../protocol/protocol-version.js";
import type { TokenProfile } from "../publisher/streams/tokens.js";
import type { OptionReader } from "../shared/option-reader.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";

/** The issuer and resource that a hub and its Mercure 1.0 tokens must agree on. */
export interface HubIdentity {
  readonly issuer: string;
  readonly resource: string;
}

export const identityFlags: Flags = {
  issuer: {
    value: "url",
    variable: "MERCURE_ISSUER",
    help: "Mercure 1.0: who issues tokens, their claim iss. Default: the origin of the resource.",
  },
  resource: {
    value: "url",
    variable: "MERCURE_RESOURCE",
    help: "Mercure 1.0: the hub's public URL, the claim aud of tokens. Default: the hub's URL.",
  },
};

/**
 * Reads the issuer and resource from flags and environment. An application's variables also configure its hub and its
 * commands, so one `.env` file serves them all.
 *
 * @param hubUrl - The default resource, for when no flag or variable names one.
 */
export function readIdentity(read: OptionReader, hubUrl: string): HubIdentity {
  const { MERCURE_PUBLIC_HUB_URL, MERCURE_HUB_URL } = process.env;
  const known = [MERCURE_PUBLIC_HUB_URL, MERCURE_HUB_URL].find((url) => url && URL.canParse(url));
  const resource = read.identifier("resource", "MERCURE_RESOURCE") ?? known ?? hubUrl;
  const origin = URL.canParse(resource) ? new URL(resource).origin : "/";
  return { issuer: read.string("issuer", "MERCURE_ISSUER") ?? origin, resource };
}

export const protocolFlags: Flags = {
  protocol: {
    value: "0|1",
    variable: "MERCURE_PROTOCOL",
    help: "The generation of Mercure to speak. Default 0.",
  },
  ...identityFlags,
};

/** Reads the profile of the tokens that a command signs: protocol version, issuer and resource. */
export function readProfile(read: OptionReader, hubUrl: string): TokenProfile {
  return { protocol: readProtocol(read), ...readIdentity(read, hubUrl) };
}

function readProtocol(read: OptionReader): ProtocolVersion {
  const protocol = read.string("protocol", "MERCURE_PROTOCOL") ?? "0";
  if (protocol !== "0" && protocol !== "1") throw new UsageError(`The flag --protocol is 0 or 1, not "${protocol}".`);
  return protocol === "0" ? 0 : 1;
}

export const matcherFlags: Flags = {
  match: { value: "topic", multiple: true, help: "Mercure 1.0: a topic by its exact name, like one without a flag." },
  "match-urlpattern": { value: "pattern", multiple: true, help: "Mercure 1.0: topics by a URL pattern." },
};

/**
 * Returns the selectors of the command line: topics, and with Mercure 1.0 also matchers. Joiners are escaped as the
 * publisher escapes them.
 */
export function readSelectors(read: OptionReader, topics: readonly string[], protocol: ProtocolVersion): Selector[] {
  const exact = read.strings("match") ?? [];
  const patterns = read.strings("match-urlpattern") ?? [];
  if (protocol === 0 && exact.length + patterns.length > 0) {
    throw new UsageError("The flags --match and --match-urlpattern are of Mercure 1.0: add --protocol 1.");
  }
  return [
    ...[...topics, ...exact].map((text) => ({ text: carriedName(text) })),
    ...patterns.map((text) => ({ text: carriedName(text), matchType: "urlpattern" as const })),
  ];
}
