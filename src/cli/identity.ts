import type { Selector } from "../protocol/active-subscription.js";
import { carriedName } from "../protocol/carried-name.js";
import type { Generation } from "../protocol/protocol-version.js";
import type { TokenProfile } from "../publisher/streams/tokens.js";
import type { OptionReader } from "../shared/option-reader.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";

/** What a hub and the tokens of Mercure 1.0 that it takes have to agree on. */
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
 * The variables of an application do for its hub and its commands too, so that one `.env` serves them all.
 *
 * @param hubUrl - What the hub is called where nothing says otherwise.
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

/** How the tokens are written that a command makes. */
export function readProfile(read: OptionReader, hubUrl: string): TokenProfile {
  return { protocol: readProtocol(read), ...readIdentity(read, hubUrl) };
}

function readProtocol(read: OptionReader): Generation {
  const protocol = read.string("protocol", "MERCURE_PROTOCOL") ?? "0";
  if (protocol !== "0" && protocol !== "1") throw new UsageError(`The flag --protocol is 0 or 1, not "${protocol}".`);
  return protocol === "0" ? 0 : 1;
}

export const matcherFlags: Flags = {
  match: { value: "topic", multiple: true, help: "Mercure 1.0: a topic by its exact name, like one without a flag." },
  "match-urlpattern": { value: "pattern", multiple: true, help: "Mercure 1.0: topics by a URL pattern." },
};

/** What the command line names: topics, and with Mercure 1.0 matchers. Joiners are carried as the publisher does. */
export function readSelectors(read: OptionReader, topics: readonly string[], protocol: Generation): Selector[] {
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
