import { signToken } from "../publisher/streams/tokens.js";
import type { Command } from "./command.js";
import { UsageError } from "./errors.js";
import { matcherFlags, protocolFlags, readProfile, readSelectors } from "./identity.js";
import { keyFlags, type Role, readHubUrl, readSigner } from "./remote-hub-flags.js";
import { waysToSecret } from "./secrets.js";

const roles: readonly string[] = ["publisher", "subscriber"];

export const tokenCommand: Command = {
  name: "token",
  summary: "Prints a token for a publisher or a subscriber.",
  usage: "publisher|subscriber --topic <topic> … [flags]",
  details: `A publisher's token grants publishing to the topics. A subscriber's token grants their private updates. The topic *
stands for all topics. A secret signs tokens with HS256; a private key in PEM signs them with RS256, ES256 or EdDSA.`,
  positionals: 1,
  flags: {
    topic: { value: "topic", multiple: true, help: "A topic that the token grants. Can be repeated." },
    ...matcherFlags,
    payload: { value: "json", help: "The subscriber's public payload, in JSON; an object with Mercure 1.0." },
    "expires-in": { value: "seconds", numeric: true, help: "The token's lifetime. Default 3600." },
    ...protocolFlags,
    ...keyFlags("publisher"),
    secret: {
      value: "secret",
      help: "The key that signs. Default: MERCURE_PUBLISHER_JWT_KEY or MERCURE_SUBSCRIBER_JWT_KEY, MERCURE_…_SECRET_KEY, SECRET_KEY.",
    },
    algorithm: {
      value: "name",
      help: "The algorithm. Default: MERCURE_PUBLISHER_JWT_ALG or MERCURE_SUBSCRIBER_JWT_ALG, then HS256, with PEM by the type of key.",
    },
  },
  async run({ read, positionals: [role] }) {
    if (!isRole(role)) throw new UsageError("Name the token's role: htmx-mercure token publisher|subscriber");
    const profile = readProfile(read, readHubUrl(read));
    const selectors = readSelectors(read, read.strings("topic") ?? [], profile.protocol);
    if (selectors.length === 0) throw new UsageError("Name the topics that the token grants: --topic <topic>");
    const payload = readPayload(read.string("payload"));
    if (payload !== undefined && role === "publisher")
      throw new UsageError("The flag --payload is only for subscribers' tokens.");
    const lifetime = read.number("expires-in", { min: 1 }) ?? 3600;
    const signer = readSigner(read, role);
    if (signer === undefined) throw new UsageError(`A token needs the hub's secret (${waysToSecret}).`);
    const grants = role === "publisher" ? { publish: selectors } : { subscribe: selectors, payload };
    console.log(signToken(grants, profile, signer, lifetime));
    return 0;
  },
};

function isRole(role: string | undefined): role is Role {
  return role !== undefined && roles.includes(role);
}

function readPayload(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError('The flag --payload needs JSON, such as --payload \'{"name":"Ada"}\'.');
  }
}
